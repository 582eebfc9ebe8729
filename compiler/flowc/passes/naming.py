"""Names for a target, made from Python names; different names of one kind stay different.

Plain names stay readable: `train_model` becomes `train-model`, and so does `TrainModel`, since steps and flows never
share a namespace. Any other name becomes a readable prefix, `-x` and eight hexadecimal digits of its digest. A plain
name that looks like such a result is hashed too, so the two ranges are disjoint.

Names made here never contain `--`; targets use it in their generated names.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir.model import Flow, Node

_HASHED = re.compile(r".*-x[0-9a-f]{8}", re.ASCII | re.DOTALL)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The rules for one kind of names: lower-case letters, digits and `-`, at most `longest` characters.

    A name that matches `plain` stays readable, unless the result is `reserved`.
    """

    plain: re.Pattern[str]
    longest: int
    reserved: frozenset[str] = frozenset()

    def name(self, text: str) -> str:
        """Return the target's name for `text`: the readable one if it is plain and at most `longest` characters, else a
        hash."""
        readable = self.readable(text)
        return readable if readable is not None and len(readable) <= self.longest else self.hashed(text)

    def readable(self, text: str) -> str | None:
        """Return the readable name for `text`, of any length; None if `text` is not plain."""
        if not self.plain.fullmatch(text):
            return None
        name = _HUMP.sub("-", text).replace("_", "-").lower()
        return None if name in self.reserved or _HASHED.fullmatch(name) else name

    def hashed(self, text: str) -> str:
        """Return a name made of a readable prefix of `text` and its digest: `PREFIX-x12345678`, at most `longest`
        characters."""
        readable = _NOT_ALPHANUMERIC.sub("-", _HUMP.sub("-", text).lower()).lstrip("-0123456789")
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        prefix = readable[: self.longest - len("-x") - len(digest)].rstrip("-")
        return f"{prefix or 'n'}-x{digest}"


def same_names(flow: Flow, naming: Naming) -> Iterator[tuple[Node, Node]]:
    """Yield pairs (earlier, later) of steps with equal names, which means that their digests collide."""
    seen: dict[str, Node] = {}
    for node in flow.nodes:
        other = seen.setdefault(naming.name(node.id), node)
        if other is not node:
            yield other, node
