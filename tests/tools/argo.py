"""Check whether a cluster would accept a manifest, with code of the API server and of Argo's validator.

`schema_errors` returns the API server's errors with Argo's full CRDs and strict field validation (`go/crdcheck`):
unknown fields, metadata, types, patterns, list maps, and the CEL rules with their cost limits. ConfigMaps are checked
too. `schema_errors` cannot find errors that admission webhooks, quotas or RBAC cause, or errors at run time; tests on a
cluster find them.

`lint` returns the errors of Argo's validator with strict decoding, like `argo lint --offline --strict`
(`go/argolint`): template and task references, `depends`, variables, schedules. The linter reads text with the cluster's
YAML parser, so an unquoted 1234e56 is a number. Each file is checked alone, so objects cannot refer to objects of
another file. Argo's linter does not look inside `when`, `expression` and `stopStrategy`.

`make test-go` runs these Go programs, once for any number of manifests; `make test` reads their recorded answers
(`tools.recorded`).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools import gobuild, recorded

Doc = dict[str, Any]
KINDS = ("workflows", "workflowtemplates", "clusterworkflowtemplates", "cronworkflows")


class _Loader(yaml.SafeLoader):
    """A YAML loader that reads dates as text, as Kubernetes does."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str) -> list[Doc]:
    """Return the documents of a manifest."""
    return [doc for doc in yaml.load_all(text, Loader=_Loader) if doc is not None]


def crds(version: str) -> list[Path]:
    """Raises GoUnavailable."""
    directory = gobuild.module_files(gobuild.argo_module(version), gobuild.CRDS)
    return [directory / f"argoproj.io_{kind}.yaml" for kind in KINDS]


def schema_errors(docs: Iterable[Doc], version: str) -> list[str]:
    """Check `docs` as the API server does, with the CRDs of the Argo version `version`; return the faults as 'Workflow
    name: path: error'."""
    docs = list(docs)
    each = schema_errors_each(docs, version)
    return [f"{_title(doc)}: {error}" for doc, errors in zip(docs, each, strict=True) for error in errors]


def schema_errors_each(docs: Sequence[Doc], version: str) -> list[list[str]]:
    """Return the errors of each document, in their order."""

    def ask(questions: Sequence[Doc]) -> list[list[str]]:
        found: list[list[str]] = _ask([gobuild.build(gobuild.CRDCHECK), *crds(version)], list(questions))
        return found

    return recorded.answers(f"crds-{version}", docs, ask)


def lint(manifests: str | Iterable[Path], version: str) -> list[str]:
    """Check manifests with the linter of the Argo version `version`; return the faults that it finds, as 'file:
    Workflow name: error'. `manifests` is the text of one manifest, for which 'file' is 'text', or the paths of
    files."""
    files = {"text": manifests} if isinstance(manifests, str) else {str(p): p.read_text("utf-8") for p in manifests}
    return [f"{name}: {error}" for name, errors in lint_each(files, version).items() for error in errors]


def lint_each(texts: Mapping[str, str], version: str) -> dict[str, list[str]]:
    """Return the faults that Argo's linter finds in each text, by the text's name. A text without a manifest has a
    fault, too."""

    def ask(questions: Sequence[str]) -> list[list[str]]:
        request = [{"name": str(number), "text": text} for number, text in enumerate(questions)]
        answers = _ask([gobuild.build(gobuild.argolint(version))], request)
        empty = {each["name"] for each in request} - {answer["name"] for answer in answers}
        found = {each["name"]: ["has no manifest"] if each["name"] in empty else [] for each in request}
        for answer in answers:
            if answer["error"]:
                found[answer["name"]].append(f"{answer['object']}: {answer['error']}")
        return list(found.values())

    return dict(zip(texts, recorded.answers(f"lint-{version}", list(texts.values()), ask), strict=True))


def _ask(command: list[Path], request: object) -> Any:
    done = subprocess.run(
        command, input=json.dumps(request), capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0].name} failed ({done.returncode}): {done.stderr.strip()}")
    return json.loads(done.stdout)


def _title(doc: Doc) -> str:
    metadata = doc.get("metadata") or {}
    return f"{doc.get('kind', 'no kind')} {metadata.get('name') or metadata.get('generateName') or 'without name'}"
