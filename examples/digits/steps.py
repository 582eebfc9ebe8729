"""The example's steps as plain functions, which `pipeline.py` and `pipeline.yaml` turn into a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import report
from classifiers import make_classifier
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def load(models: dict[str, Any], test_size: float, seed: int) -> tuple[Any, Any, Any, Any, list[str]]:
    """Load the images and hold out a test set, with the same share of each digit."""
    images, digits = load_digits(return_X_y=True)
    images, test_images, digits, test_digits = train_test_split(
        images / 16, digits, test_size=test_size, stratify=digits, random_state=seed
    )
    print(f"{len(digits)} images to train on, {len(test_digits)} held out, {len(models)} settings")
    return images, test_images, digits, test_digits, list(models)


def train(setting: str, models: dict[str, Any], folds: int, seed: int, images: Any, digits: Any) -> list[float]:
    """Score one setting by cross-validation."""
    scores = cross_validated(make_classifier(models[setting], seed), images, digits, folds, seed)
    print(f"{setting}: {report.mean(scores):.4f}")
    return scores


def cross_validated(classifier: Any, images: Any, digits: Any, folds: int, seed: int) -> list[float]:
    """Return the score of each fold."""
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return [float(score) for score in cross_val_score(classifier, images, digits, cv=parts)]


def skip(error: Any) -> str:
    """Return the error of a setting that failed, instead of its scores."""
    return f"{error.type}: {error.exception}"


def choose(
    names: list[str], scores: list[Any], models: dict[str, Any], seed: int, images: Any, digits: Any
) -> tuple[Mapping[str, Sequence[float]], Mapping[str, str], str, Any]:
    """Pick the setting with the best mean score and train it on all images that were not held out."""
    found = dict(zip(names, scores, strict=True))
    results = {name: each for name, each in found.items() if not isinstance(each, str)}
    failures = {name: each for name, each in found.items() if isinstance(each, str)}
    if not results:
        raise RuntimeError(f"no setting works: {failures}")
    best = max(results, key=lambda name: report.mean(results[name]))
    return results, failures, best, make_classifier(models[best], seed).fit(images, digits)


def measure(model: Any, test_images: Any, test_digits: Any) -> float:
    """Measure the model's accuracy on the images that were held out."""
    return float(accuracy_score(test_digits, model.predict(test_images)))


def draw(model: Any, test_images: Any, test_digits: Any) -> tuple[list[list[int]], str]:
    """Draw which digits the model confuses with which others."""
    matrix = confusion_matrix(test_digits, model.predict(test_images))
    confusion = [[int(count) for count in row] for row in matrix]
    return confusion, report.draw_svg(confusion)


def conclude(
    results: dict[str, list[float]],
    failures: dict[str, str],
    best: str,
    accuracy: float,
    confusion: list[list[int]],
) -> str:
    """Show the result."""
    summary = report.summarize(results, failures, best, accuracy, confusion)
    print(summary)
    return summary
