"""Makes the names that a target uses from Python names; different Python names of one kind give different names.

Plain names stay readable: the step `train_model` becomes `train-model`. The flow `TrainModel` becomes `train-model`
too, but names of steps and flows are never used in the same place. Any other name becomes a readable prefix, followed
by `-x` and eight hexadecimal digits of the name's digest. A plain name that looks like the result of hashing is hashed
too, so a readable name never equals a hashed name.

The names never contain `--`, so that targets can use `--` in names that they generate.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir.model import Flow, Node

_HASHED = late_pattern(r".*-x[0-9a-f]{8}", re.ASCII | re.DOTALL)
_HUMP = late_pattern(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_ALPHANUMERIC = late_pattern(r"[^a-z0-9]+")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The rules for one kind of names. Names consist of lower-case letters, digits and `-`, and have at most `longest`
    characters.

    A name that matches `plain` stays readable, unless the readable name is in `reserved`.
    """

    plain: re.Pattern[str]
    longest: int
    reserved: frozenset[str] = frozenset()

    def name(self, text: str) -> str:
        """Return the target's name for `text`: the readable name if it exists and is short enough, else the hashed
        name."""
        readable = self.readable(text)
        return readable if readable is not None and len(readable) <= self.longest else self.hashed(text)

    def readable(self, text: str) -> str | None:
        """Return the readable name for `text`, of any length; None if `text` is not plain."""
        if not self.plain.fullmatch(text):
            return None
        name = _HUMP.sub("-", text).replace("_", "-").lower()
        return None if name in self.reserved or _HASHED.fullmatch(name) else name

    def hashed(self, text: str) -> str:
        """Return the hashed name of `text`: a readable prefix and a digest, `PREFIX-x12345678`, at most `longest`
        characters."""
        readable = _NOT_ALPHANUMERIC.sub("-", _HUMP.sub("-", text).lower()).lstrip("-0123456789")
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        prefix = readable[: self.longest - len("-x") - len(digest)].rstrip("-")
        return f"{prefix or 'n'}-x{digest}"


def same_names(flow: Flow, naming: Naming) -> Iterator[tuple[Node, Node]]:
    """Yield pairs (earlier, later) of steps that get equal names, which happens if their digests collide."""
    seen: dict[str, Node] = {}
    for node in flow.nodes:
        other = seen.setdefault(naming.name(node.id), node)
        if other is not node:
            yield other, node
