"""Score one setting by cross-validation, as a program: it reads a file of images and prints the scores as JSON."""

from __future__ import annotations

import argparse
import json

import numpy
import steps
from classifiers import make_classifier


def main() -> None:
    """Read the command line and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="a CSV file: the digit, and the 64 pixels of its image")
    parser.add_argument("--setting", required=True, help="the name of a setting")
    parser.add_argument("--models", required=True, type=json.loads, help="the settings by name, as JSON")
    parser.add_argument("--folds", type=int, default=5, help="the number of folds")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the folds and of forests")
    given = parser.parse_args()
    table = numpy.loadtxt(given.file, delimiter=",")
    classifier = make_classifier(given.models[given.setting], given.seed)
    scores = steps.cross_validated(classifier, table[:, 1:], table[:, 0].astype(int), given.folds, given.seed)
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
