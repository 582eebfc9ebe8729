"""Names that a target takes, made from the names that Python takes; no two of a kind ever become one.

Plain names keep their look (`train_model` becomes `train-model`, `TrainModel` as well: steps and flows never share a
namespace). Everything else becomes a readable prefix, `-x` and eight hexadecimal digits of the name's digest. A plain
name that looks like such a result is treated as not plain, so the two ranges are disjoint.

Generated names contain `--`, which no name made here does.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir.model import Flow, Node

_HASHED = re.compile(r".*-x[0-9a-f]{8}", re.ASCII | re.DOTALL)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How one kind of names is made: of lower-case letters, digits and `-`, at most `longest` characters.

    A name that `plain` matches keeps its look, unless it is one of the `reserved` ones.
    """

    plain: re.Pattern[str]
    longest: int
    reserved: frozenset[str] = frozenset()

    def name(self, text: str) -> str:
        """Return the name that stands for `text`."""
        kept = self.kept(text)
        return kept if kept is not None and len(kept) <= self.longest else self.hashed(text)

    def kept(self, text: str) -> str | None:
        """Return a name that keeps the look of `text`, however long it is; None if `text` is not plain."""
        if not self.plain.fullmatch(text):
            return None
        kept = _HUMP.sub("-", text).replace("_", "-").lower()
        return None if kept in self.reserved or _HASHED.fullmatch(kept) else kept

    def hashed(self, text: str) -> str:
        """Return a name of a readable prefix of `text` and its digest."""
        readable = _NOT_ALPHANUMERIC.sub("-", _HUMP.sub("-", text).lower()).lstrip("-0123456789")
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        prefix = readable[: self.longest - len("-x") - len(digest)].rstrip("-")
        return f"{prefix or 'n'}-x{digest}"


def same_names(flow: Flow, naming: Naming) -> Iterator[tuple[Node, Node]]:
    """Yield each step whose name is that of an earlier step, as (earlier, later): their digests are the same."""
    seen: dict[str, Node] = {}
    for node in flow.nodes:
        other = seen.setdefault(naming.name(node.id), node)
        if other is not node:
            yield other, node
