"""Names in manifests: valid for Argo and Kubernetes, and unique among names of one kind."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowc.targets.argo import names
from targets.argo.flows import identifiers

NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("start", "start"),
        ("train_model", "train-model"),
        ("s01_x2", "s01-x2"),
        # this name looks like a name to which a hash was added, so it gets a hash, too, and no other step can get the
        # same name
        ("a_x12345678", "a-x12345678-x3b3d1a5d"),
        ("in", "in-x582967c8"),
        ("true", "true-xb5bea41b"),
        ("_private", "private-x5d1cf8d3"),
        ("in_", "in-x46d9e3a6"),
        ("double__under", "double-under-x6d9b3f07"),
        ("camelCase", "camel-case-xb05b29c8"),
        ("Überschrift", "berschrift-x4d3cf31d"),
        ("日本", "n-x5aa83c4f"),
        ("_1", "n-x5aa83c4f"),
        ("n" * 41, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-x70a7f1a3"),
    ],
)
def test_steps(step: str, name: str) -> None:
    made = names.step_name(step)
    # The value of the hash does not matter, only its form.
    assert re.sub(r"-x[0-9a-f]{8}$", "-x…", made) == re.sub(r"-x[0-9a-f]{8}$", "-x…", name)
    assert NAME.fullmatch(made)
    assert len(made) <= names.MAX_STEP


@pytest.mark.parametrize(
    ("flow", "name"),
    [
        ("TrainModel", "train-model"),
        ("Flow", "flow"),
        ("Train2Model", "train2-model"),
        ("HTTPFlow", "http-flow-x…"),
        ("lower", "lower-x…"),
        ("My_Flow", "my-flow-x…"),
        ("FooX12345678", "foo-x12345678-x…"),
        ("F" + "o" * 52, "f" + "o" * 41 + "-x…"),
    ],
)
def test_flows(flow: str, name: str) -> None:
    made = names.flow_name(flow)
    assert made.rpartition("-x")[0] + "-x…" == name if name.endswith("…") else made == name
    assert NAME.fullmatch(made)
    assert len(made) <= names.MAX_FLOW


@given(st.lists(identifiers, min_size=2, max_size=20, unique=True))
def test_no_two_alike(several: list[str]) -> None:
    for mangle, limit in ((names.step_name, names.MAX_STEP), (names.flow_name, names.MAX_FLOW)):
        made = [mangle(name) for name in several]
        assert len(set(made)) == len(several)
        for name in made:
            assert NAME.fullmatch(name)
            assert len(name) <= limit
            assert "--" not in name  # `--` is reserved for names that the compiler creates
            # `depends` contains the words RESERVED beside names of tasks, so no task may have one of them as its name;
            # a flow may
            assert mangle is names.flow_name or name not in names.RESERVED


@given(identifiers)
def test_a_result_is_never_the_plain_form_of_another(name: str) -> None:
    made = names.step_name(name)
    if made != name.replace("_", "-"):
        assert names.step_name(made.replace("-", "_")) != made


@given(identifiers, st.integers(8, 40))
def test_titles_are_labels(name: str, room: int) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?", names.title(name, room))
