"""metaflow-card-notebook +"""

import json

from support import pages

from metaflow import FlowSpec, card, step

NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {"tags": ["parameters"]}, "outputs": [],
         "source": ["number = 1"]},
        {"cell_type": "code", "execution_count": None, "id": "b", "metadata": {}, "outputs": [],
         "source": ["print('six', number * 6)"]},
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}  # fmt: skip


class CardNotebook(FlowSpec):
    @card(type="notebook")
    @step
    def start(self):
        with open("made.ipynb", "w") as file:
            json.dump(NOTEBOOK, file)
        self.nb_options_dict = {"input_path": "made.ipynb", "parameters": {"number": 7}}
        self.next(self.end)

    @step
    def end(self):
        self.seen = {kind: "six 42" in page for kind, page in pages(self, "start").items()}


if __name__ == "__main__":
    CardNotebook()
