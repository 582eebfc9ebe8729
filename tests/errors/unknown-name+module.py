from metaflow import FlowSpec, step
from metaflow.exceptions import MetaflowException
from metaflow.exception import MetaflowNotFuond, MetaflowException
from metaflow.util import frobnicate
