"""The settings to compare, by name; classifiers.py explains them."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, dict[str, Any]] = {
    "k-NN, 1 neighbour": {"kind": "knn", "n_neighbors": 1},
    "k-NN, 5 neighbours": {"kind": "knn", "n_neighbors": 5},
    "SVM, linear": {"kind": "svm", "kernel": "linear"},
    "SVM, RBF, C=1": {"kind": "svm", "C": 1},
    "SVM, RBF, C=10": {"kind": "svm", "C": 10},
    "logistic, C=0.1": {"kind": "logistic", "C": 0.1},
    "logistic, C=1": {"kind": "logistic", "C": 1},
    "forest, 50 trees": {"kind": "forest", "n_estimators": 50},
    "forest, 200 trees": {"kind": "forest", "n_estimators": 200},
}
