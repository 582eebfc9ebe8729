"""The flow of digits.py as a pipeline: the functions of steps.py import nothing of flowc.

python pipeline.py
flowc run --local pipeline.py --folds 3
"""

from __future__ import annotations

import steps
from settings import SETTINGS

from flowc.pipeline import Map, Parallel, Pipeline, PythonTask, metric, pickled

train = PythonTask(
    name="train",
    function=steps.train,
    returns=["scores"],
    retry=2,
    resources={"cpu": 1, "memory": 1024},
    # a setting that fails does not affect the others
    on_failure=PythonTask(name="skip", function=steps.skip, returns=["scores"]).as_pipeline(),
)
branches = {
    "measure": PythonTask(name="measure", function=steps.measure, returns=[metric("accuracy")]),
    "draw": PythonTask(name="draw", function=steps.draw, returns=["confusion", "picture"]),
}
pipeline = Pipeline(
    name="DigitsPipeline",
    description="Cross-validate classifiers on images of handwritten digits, and test the best on unseen images.",
    parameters={"models": SETTINGS, "folds": 5, "test_size": 0.25, "seed": 0},
    steps=[
        PythonTask(
            name="load",
            function=steps.load,
            returns=[pickled("images"), pickled("test_images"), pickled("digits"), pickled("test_digits"), "names"],
        ),
        Map(name="settings", iterate_on="names", iterate_as="setting", branch=train.as_pipeline()),
        PythonTask(name="choose", function=steps.choose, returns=["results", "failures", "best", pickled("model")]),
        Parallel(name="test", branches={name: task.as_pipeline() for name, task in branches.items()}),
        PythonTask(name="conclude", function=steps.conclude, returns=["summary"]),
    ],
)

if __name__ == "__main__":
    print(pipeline.execute()["best"])
