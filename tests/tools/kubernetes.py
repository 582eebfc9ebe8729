"""Check whether a cluster would accept an object of Kubernetes, by strict use of its published OpenAPI schemas.

Strict use, as in `kubectl apply`, means that a field that the schema lacks is an error. Known gap: checks that the API
    server makes in code (names, labels, quantities, references); cluster tests cover them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import Any

import jsonschema

from tools import gobuild, recorded, versions

Doc = dict[str, Any]
MODULE = gobuild.Module("k8s.io/kubernetes", f"v{versions.KUBERNETES}")


def schema_errors(docs: Iterable[Doc]) -> list[str]:
    """Return the schemas' errors in `docs`, as `Role name: path: error`.

    The errors are recorded answers of a program, which `make test-go` runs again.
    """
    found = recorded.answers(f"kubernetes-{versions.KUBERNETES}", list(docs), lambda each: list(map(_errors, each)))
    return [error for errors in found for error in errors]


def _errors(doc: Doc) -> list[str]:
    return [
        f"{doc.get('kind')} {doc.get('metadata', {}).get('name')}: {error.json_path}: {error.message}"
        for error in _validator(str(doc.get("apiVersion")), str(doc.get("kind"))).iter_errors(doc)
    ]


def _validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    schemas = _schemas(api_version)
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    (name,) = (n for n, s in schemas.items() if wanted in s.get("x-kubernetes-group-version-kind", ()))
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})


@functools.cache
def _schemas(api_version: str) -> dict[str, Doc]:
    directory = gobuild.module_files(MODULE, "api/openapi-spec/v3")
    name = f"apis__{api_version.replace('/', '__')}" if "/" in api_version else f"api__{api_version}"
    published = json.loads((directory / f"{name}_openapi.json").read_text("utf-8"))
    schemas: dict[str, Doc] = published["components"]["schemas"]
    for schema in schemas.values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return schemas
