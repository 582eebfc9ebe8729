"""Parsers for `Config`: `Config("settings", default="settings.yml", parser=yaml_parser)`."""

from __future__ import annotations

from typing import Any

from metaflow.exception import MetaflowException

__all__ = ["yaml_parser"]


def yaml_parser(content: str) -> Any:
    """Return the content of a YAML file, as `yaml.safe_load` reads it.

    Raises:
        MetaflowException: PyYAML is not installed.
        yaml.YAMLError: the content is not YAML.
    """
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MetaflowException("yaml_parser needs PyYAML: pip install PyYAML") from error
    return yaml.safe_load(content)
