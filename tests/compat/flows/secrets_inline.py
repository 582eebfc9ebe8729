"""Secrets are environment variables of the step that requests them."""

import os

from metaflow import FlowSpec, secrets, step


class SecretsInline(FlowSpec):
    @secrets(sources=[{"type": "inline", "id": "x", "options": {"env_vars": {"SECRET_KEY": "hush"}}}])
    @step
    def start(self):
        assert os.environ["SECRET_KEY"] == "hush"
        self.next(self.end)

    @step
    def end(self):
        assert "SECRET_KEY" not in os.environ


if __name__ == "__main__":
    SecretsInline()
