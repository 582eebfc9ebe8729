from metaflow import FlowSpec, step

print_later = FlowSpec, step
