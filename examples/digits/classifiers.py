"""The classifiers that a setting can name: `{"kind": "svm", "C": 10}` is `SVC(C=10)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {
    "forest": RandomForestClassifier,
    "knn": KNeighborsClassifier,
    "logistic": LogisticRegression,
    "svm": SVC,
}


def make_classifier(setting: Mapping[str, Any], seed: int) -> Any:
    """Return an untrained classifier. Raises KeyError for an unknown kind, TypeError for an unknown option."""
    options = dict(setting)
    kind = options.pop("kind")
    if kind == "forest":
        options.setdefault("random_state", seed)
    if kind == "logistic":
        options.setdefault("max_iter", 1000)
    return KINDS[kind](**options)
