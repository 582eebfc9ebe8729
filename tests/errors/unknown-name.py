from metaflow import FlowSpec, stpe
