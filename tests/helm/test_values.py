"""The chart's values: invalid values are refused; values.yaml, the schema and the README are consistent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tools import argo
from tools.helm import CHART, HelmError, render

from .cases import CASES, EVERYTHING, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

POLICY: Values = EVERYTHING["networkPolicy"]
SECRET: Values = {"create": True, "accessKeyId": "k", "secretAccessKey": "s"}


@dataclass(frozen=True)
class Wrong:
    """Invalid values, and a part of the error that helm prints."""

    values: Values
    says: str


def peer(**given: Any) -> Values:
    return {"networkPolicy": POLICY | {"store": {"to": [given], "ports": [443]}}}


WRONG = {
    # unknown values
    "unknown": Wrong({"storee": {}}, "storee is not allowed"),
    "unknown below": Wrong({"image": {"pullPolicy": "Always"}}, "pullPolicy is not allowed"),
    "unknown in a list": Wrong({"deployers": [{"kind": "User", "name": "a", "uid": "1"}]}, "uid is not allowed"),
    "no volume claims": Wrong({"store": {"pvc": {"claimName": "x"}}}, "pvc is not allowed"),
    # types
    "a list for a map": Wrong({"image": []}, "Expected: object"),
    "text for a flag": Wrong({"store": {"create": "yes"}}, "Expected: boolean"),
    "a number for a tag": Wrong({"image": {"tag": 1.2}}, "Expected: string"),
    "a number for an annotation": Wrong({"serviceAccount": {"annotations": {"a": 1}}}, "Expected: string"),
    "timeout of nothing": Wrong({"test": {"timeoutSeconds": 0}}, "timeoutSeconds"),
    # text
    "tag in the repository": Wrong({"image": {"repository": "flows:1"}}, "image.repository"),
    "repository in capitals": Wrong({"image": {"repository": "Flows"}}, "image.repository"),
    "Argo's variables in the tag": Wrong({"image": {"tag": "{{x}}"}}, "image.tag"),
    "a short digest": Wrong({"image": {"digest": "sha256:123"}}, "image.digest"),
    "a bad name": Wrong({"serviceAccount": {"name": "Flow_c"}}, "serviceAccount.name"),
    "a bad name in a list": Wrong({"image": {"pullSecrets": ["a b"]}}, "image.pullSecrets.0"),
    "the same name twice": Wrong({"image": {"pullSecrets": ["a", "a"]}}, "image.pullSecrets"),
    "a store of another kind": Wrong({"store": {"url": "file:///data"}}, "store.url"),
    "a store without a bucket": Wrong({"store": {"url": "s3://"}}, "store.url"),
    "a line break in the store": Wrong({"store": {"url": "s3://a\nb: c"}}, "store.url"),
    "quotes in the store": Wrong({"store": {"url": 's3://a/"'}}, "store.url"),
    "an endpoint without a scheme": Wrong({"store": SECRET | {"endpoint": "s3.local:7070"}}, "store.endpoint"),
    "a key with a blank": Wrong({"store": SECRET | {"secretAccessKey": "a b"}}, "store.secretAccessKey"),
    "not a quantity": Wrong({"defaultRequests": {"memory": "256 MB"}}, "defaultRequests.memory"),
    "a quota of text": Wrong({"quota": {"hard": {"pods": "many"}}}, "quota.hard.pods"),
    # each value is valid alone, but not together with the others
    "two Secrets": Wrong({"store": SECRET | {"existingSecret": "mine"}}, "store.existingSecret"),
    "endpoint without a Secret": Wrong({"store": {"endpoint": "https://s3.local"}}, "store.endpoint"),
    "region without a Secret": Wrong({"store": {"region": "eu-west-1"}}, "store.region"),
    "key without a Secret": Wrong({"store": {"accessKeyId": "k", "secretAccessKey": "s"}}, "store.accessKeyId"),
    "half a key": Wrong({"store": {"create": True, "accessKeyId": "k"}}, "store.secretAccessKey"),
    "the other half": Wrong({"store": {"create": True, "secretAccessKey": "s"}}, "store.secretAccessKey"),
    "http that is not allowed": Wrong({"store": SECRET | {"endpoint": "http://s3.local"}}, "store.allowHttp"),
    "annotations of a stranger": Wrong(
        {"serviceAccount": {"create": False, "annotations": {"a": "b"}}}, "serviceAccount.annotations"
    ),
    "pull secrets of a stranger": Wrong(
        {"serviceAccount": {"create": False}, "image": {"pullSecrets": ["registry"]}}, "image.pullSecrets"
    ),
    # deployers
    "a deployer of another kind": Wrong({"deployers": [{"kind": "Robot", "name": "a"}]}, "deployers.0.kind"),
    "a deployer without a name": Wrong({"deployers": [{"kind": "User"}]}, "name is required"),
    "a user with a namespace": Wrong({"deployers": [{"kind": "User", "name": "a", "namespace": "b"}]}, "deployers.0"),
    # the page
    "a page without a token": Wrong({"ui": {"enabled": True}}, "ui.tokenSecret"),
    "an Ingress without an address": Wrong(
        {"ui": {"enabled": True, "tokenSecret": "t", "ingress": {"enabled": True}}}, "ui.publicUrl"
    ),
    "an address without a scheme": Wrong({"ui": {"publicUrl": "flows.example.org"}}, "ui.publicUrl"),
    "an option in the address": Wrong({"ui": {"publicUrl": "https://a/ --allow-actions"}}, "ui.publicUrl"),
    "resources of another kind": Wrong({"ui": {"resources": {"claims": []}}}, "claims"),
    # the network
    "a policy without the store": Wrong({"networkPolicy": POLICY | {"store": {"to": []}}}, "networkPolicy.store.to"),
    "a policy without the API server": Wrong(
        {"networkPolicy": POLICY | {"apiServer": {"to": []}}}, "networkPolicy.apiServer.to"
    ),
    "a policy without names": Wrong({"networkPolicy": POLICY | {"dns": {"to": []}}}, "networkPolicy.dns.to"),
    "more for everyone": Wrong({"networkPolicy": POLICY | {"extra": [{"to": [], "ports": [1]}]}}, "extra.0.to"),
    "no port": Wrong({"networkPolicy": {"dns": {"ports": []}}}, "networkPolicy.dns.ports"),
    "port 0": Wrong({"networkPolicy": {"dns": {"ports": [0]}}}, "networkPolicy.dns.ports.0"),
    "an empty peer": Wrong(peer(), "networkPolicy.store.to.0"),
    "a peer of two kinds": Wrong(
        peer(ipBlock={"cidr": "10.0.0.0/8"}, podSelector={"matchLabels": {"a": "b"}}), "networkPolicy.store.to.0"
    ),
    "an address without its length": Wrong(peer(ipBlock={"cidr": "10.0.0.1"}), "ipBlock.cidr"),
    "a selector of all": Wrong(peer(podSelector={"matchLabels": {}}), "podSelector.matchLabels"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refused(name: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(WRONG[name].values)
    assert "don't meet the specifications" in str(refused.value)
    assert WRONG[name].says in str(refused.value)


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_as_a_part_of_another_chart(values: Values, tmp_path: Path) -> None:
    """If the chart is a subchart, helm adds the value `global`, which the schema must accept."""
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "flowc").symlink_to(CHART)
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: platform, version: 1.0.0}")
    assert "kind: Role" in render({"flowc": values, "global": {"a": 1}}, chart=tmp_path)


# -- values.yaml, values.schema.json and the README


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    return found


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, schema) for each value in values.yaml, including groups of values."""
    for name, below in schema.get("properties", {}).items():
        if path or name != "global":
            yield f"{path}{name}", below
            yield from leaves(below, f"{path}{name}.")


def comments(text: str) -> Iterator[tuple[str, str]]:
    """Return the comments above keys of values.yaml, by the keys' paths. Keys that users choose have no comments."""
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if found := re.fullmatch(r"( *)# (.*)", line):
            comment.append(found[2])
            continue
        if comment and (found := re.match(r"( *)([A-Za-z]+):", line)):
            path[len(found[1]) // 2 :] = [found[2]]
            yield ".".join(path), " ".join(comment)
        comment = []


def test_values_and_schema_tell_the_same() -> None:
    told = dict(comments((CHART / "values.yaml").read_text("utf-8")))
    assert told == {path: value["description"] for path, value in leaves(schema())}


def objects_of(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all schemas of objects, at any depth."""
    if isinstance(value, dict):
        if value.get("type") == "object":
            yield value
        for below in value.values():
            yield from objects_of(below)
    elif isinstance(value, list):
        for below in value:
            yield from objects_of(below)


def test_schema_is_strict() -> None:
    """Every object in the schema either refuses unknown keys, or is a map whose values have a type.

    The only other object is `global`, a value of helm itself.
    """
    whole = schema()
    del whole["properties"]["global"]
    for found in objects_of(whole):
        assert found.get("additionalProperties") is False or found["additionalProperties"].keys() & {"type", "$ref"}


def test_readme_has_every_value(golden: Callable[[Path, str], None]) -> None:
    (values,) = argo.load((CHART / "values.yaml").read_text("utf-8"))
    rows = ["| value | default | |", "|---|---|---|"]
    for path, value in leaves(schema()):
        if "properties" not in value:
            default: Any = values
            for name in path.split("."):
                default = default[name]
            rows.append(f"| `{path}` | `{json.dumps(default)}` | {value['description']} |")
    readme = (CHART / "README.md").read_text("utf-8")
    begin, end = "<!-- values -->\n", "\n<!-- /values -->"
    before, _, rest = readme.partition(begin)
    golden(CHART / "README.md", before + begin + "\n".join(rows) + end + rest.partition(end)[2])
