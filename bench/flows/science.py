"""The flow of `fanout.py` in a process with large imported libraries: measures the cost of forking the process."""

import numpy  # noqa: F401
import pandas  # noqa: F401
import sklearn.linear_model  # noqa: F401
from fanout import FanoutBench

if __name__ == "__main__":
    FanoutBench()
