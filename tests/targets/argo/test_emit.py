"""The emitted YAML has the same values for all YAML readers."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from flowc.targets.argo.emit import emit

text = st.text(st.characters(exclude_categories=["Cs"])) | st.text(alphabet=" \t\n\r\x85\u2028\ufeffa#:-'\"|>%é😀\x1b")
keys = text.filter(lambda key: len(key) < 100)  # longer keys need the form `? KEY`, which `emit` does not write ` form
trees = st.recursive(
    text | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)

# Scalars that must be quoted, because some reader (PyYAML, go-yaml, YAML 1.2) would not read them as strings.
NOT_A_STRING = re.compile(
    r"[-+]?[0-9].*|[-+.~?:,!&*|>%@`'\"#=<].*|.*: .*|.* #.*|\s.*|.*\s|"
    r"(?i:y|n|yes|no|on|off|true|false|null|nan|inf)|",
    re.DOTALL,
)


class Core12(yaml.SafeLoader):
    """A YAML loader that reads unquoted scalars by the core schema of YAML 1.2."""


Core12.yaml_implicit_resolvers = {}
FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
for tag, pattern, first in [
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", FLOAT, list("-+.0123456789")),
]:
    Core12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)


def read_back(document: dict[str, Any]) -> None:
    written = emit([document])
    assert yaml.load(written, yaml.SafeLoader) == document
    assert yaml.load(written, Core12) == document


@pytest.mark.parametrize(
    "tricky",
    [
        *(
            "1234e56",
            "1e3",
            "n",
            "y",
            "on",
            "No",
            "TRUE",
            "null",
            "~",
            "0o17",
            "017",
            "1_000",
            ".5",
            "+1",
            "0x1F",
            "1:30",
        ),
        *(
            "2026-01-02",
            "2026-01-02T03:04:05Z",
            ".inf",
            "NaN",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "*a",
            "&a",
            "!a",
            "%a",
        ),
        *("@a", "`a", "", " ", " a", "a ", "'", '"', "\\", "{a}", "[a]", "a,b", "?", "---", "...", "=", "<<"),
        *("\t", "\n", "\r\n", "a\r\nb", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e", "😀", "é"),
    ],
)
def test_scalars(tricky: str) -> None:
    read_back({"key": tricky, tricky: "value", "list": [tricky, [tricky], {tricky: tricky}]})


@given(st.dictionaries(keys, trees, min_size=1))
@example({"a": [[], {}, [[]], [{}], {"b": []}]})
@example({"a": [True, False, 0, -1]})
def test_round_trip(document: dict[str, Any]) -> None:
    read_back(document)


@given(st.dictionaries(st.just("k"), text, min_size=1))
def test_plain_scalars_are_words(document: dict[str, str]) -> None:
    line = emit([document]).split(": ", 1)[1].rstrip("\n")
    if not line.startswith(('"', "|")):
        assert not NOT_A_STRING.fullmatch(line)


@pytest.mark.parametrize(
    ("code", "style"),
    [
        ("a\nb\n", "|"),
        ("a\nb", "|-"),
        ("a\nb\n\n\n", "|+"),
        (" indented\nb\n", "|2"),
        ("\ttab\nb", "|2-"),
        ("\n\nb\n", "|2"),
        ("a  \n\tb\t\n", "|"),
        ("a\n   \nb\n", "|"),
        ("a\n  ", '"'),
        ("a\r\nb\r\n", '"'),
        ("a\n\x0cb\n", '"'),
        ("a\n\u2028\n", '"'),
        ("a\nb\u202e\n", '"'),  # invisible characters are escaped
        ("\n", '"'),
        ("# é 😀\nx\n", "|"),
        ("---\n...\n", "|"),
    ],
)
def test_code(code: str, style: str) -> None:
    written = emit([{"data": {"c0": code, "after": "x"}}])
    assert written.split("c0: ")[1].startswith(style + ("\n" if style.startswith("|") else ""))
    read_back({"data": {"c0": code, "after": "x"}})


def test_several_documents_and_no_wrapping() -> None:
    long = "word " * 1000
    written = emit([{"a": long}, {"b": "c"}])
    assert written == f'a: "{long}"\n---\nb: c\n'


@pytest.mark.parametrize(("value", "error"), [(1.5, TypeError), (None, TypeError), ("\ud800", ValueError)])
def test_what_a_manifest_never_has(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        emit([{"a": value}])
