import no_such_module
from metaflow import FlowSpec, step
