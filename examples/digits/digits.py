"""Find the best model for handwritten digits: cross-validate nine settings in parallel, then test the best one.

    python digits.py run
    python digits.py run --folds 3 --models '{"one neighbour": {"kind": "knn", "n_neighbors": 1}}'

The data comes with scikit-learn: 1,797 images of 8×8 pixels from the UCI "optical recognition of handwritten digits".
"""

from __future__ import annotations

from typing import Any

import report
from classifiers import make_classifier
from settings import SETTINGS
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split

from metaflow import FlowSpec, JSONType, Parameter, catch, current, resources, retry, schedule, step


@schedule(cron="0 6 * * MON-FRI", timezone="America/New_York")
class DigitsFlow(FlowSpec):
    """Cross-validate classifiers on images of handwritten digits and test the best on images it has not seen."""

    models = Parameter("models", type=JSONType, default=SETTINGS, help="Settings by name, see classifiers.py.")
    folds = Parameter("folds", default=5, help="Folds of the cross-validation.")
    test_size = Parameter("test_size", default=0.25, help="Share of the images to hold out.")
    seed = Parameter("seed", default=0, help="Seed of the split, the folds and the forests.")

    @step
    def start(self) -> None:
        """Load the images and hold out a test set, with the same share of each digit."""
        images, digits = load_digits(return_X_y=True)
        self.images, self.test_images, self.digits, self.test_digits = train_test_split(
            images / 16, digits, test_size=self.test_size, stratify=digits, random_state=self.seed
        )
        self.names = list(self.models)
        print(f"{len(self.digits)} images to train on, {len(self.test_digits)} held out, {len(self.names)} settings")
        self.next(self.train, foreach="names")

    @catch(var="failure", print_exception=False)  # a setting that fails does not affect the others
    @retry(times=2)
    @resources(cpu=1, memory=1024)
    @step
    def train(self) -> None:
        """Score one setting by cross-validation."""
        self.setting = self.input
        classifier = make_classifier(self.models[self.setting], self.seed)
        folds = StratifiedKFold(self.folds, shuffle=True, random_state=self.seed)
        self.scores = cross_val_score(classifier, self.images, self.digits, cv=folds)
        print(f"{self.setting}: {self.scores.mean():.4f}")
        self.next(self.choose)

    @step
    def choose(self, inputs: Any) -> None:
        """Pick the setting with the best mean score and train it on all images that were not held out."""
        self.results = {task.setting: [float(score) for score in task.scores] for task in inputs if not task.failure}
        self.failures = {
            task.input: f"{task.failure.type}: {task.failure.exception}" for task in inputs if task.failure
        }
        if not self.results:
            raise RuntimeError(f"no setting works: {self.failures}")
        self.best = max(self.results, key=lambda name: report.mean(self.results[name]))
        # Keep the artifacts of `start`, without reading or copying them; drop the artifacts of the single settings.
        self.merge_artifacts(inputs, include=["images", "digits", "test_images", "test_digits"])
        self.model = make_classifier(self.models[self.best], self.seed).fit(self.images, self.digits)
        self.next(self.measure, self.draw)

    @step
    def measure(self) -> None:
        """Measure the model's accuracy on the images that were held out."""
        self.accuracy = float(accuracy_score(self.test_digits, self.model.predict(self.test_images)))
        self.next(self.conclude)

    @step
    def draw(self) -> None:
        """Draw which digits the model confuses with which others."""
        matrix = confusion_matrix(self.test_digits, self.model.predict(self.test_images))
        self.confusion = [[int(count) for count in row] for row in matrix]
        self.picture = report.draw_svg(self.confusion)
        self.next(self.conclude)

    @step
    def conclude(self, inputs: Any) -> None:
        """Join the two branches: no artifact has different values in them, so all artifacts can be merged."""
        self.merge_artifacts(inputs)
        self.summary = report.summarize(self.results, self.failures, self.best, self.accuracy, self.confusion)
        self.next(self.end)

    @step
    def end(self) -> None:
        """Show the result."""
        print(f"Run {current.run_id}: {self.folds}-fold cross-validation on {len(self.digits)} images\n")
        print(self.summary)


if __name__ == "__main__":
    DigitsFlow()
