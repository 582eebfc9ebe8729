"""Where a template's tasks are: the path that it is given, and the iterations of the loops around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from flowc_ir.graphs.scopes import LoopScope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir.graphs.scopes import Scope
    from flowc_ir.model import NodeId

PATH = "{{inputs.parameters.path}}"
ROOT_PATH = "0"


@final
@dataclass(frozen=True, slots=True)
class Round:
    """A loop that a template is in: its header, its template, and how many iterations on this task is."""

    header: NodeId
    template: str
    offset: int = 0


@final
@dataclass(frozen=True, slots=True)
class TemplatePlace:
    """`base` is the path outside of the loops, which are counted by the inputs `n1`, `n2` and so on, outermost first.

    A step behind a loop, which stands in the template of the loop where two ways out of it differ, has the path without
    that loop's number.
    """

    base: str = PATH
    rounds: tuple[Round, ...] = ()

    def path(self, scopes: Sequence[Scope]) -> str:
        """The path of a task of a step with these scopes."""
        inside = [at for at, round_ in enumerate(self.rounds) if LoopScope(round_.header) in scopes]
        return self.base + "".join(f"~{self._number(at)}" for at in inside)

    def arguments(self) -> dict[str, str]:
        """What a template that is called from here is given to be in the same place."""
        return {"path": self.base} | {_counter(at): self._number(at) for at in range(len(self.rounds))}

    def called(self) -> TemplatePlace:
        """The place inside a template that is called from here."""
        return TemplatePlace(PATH, tuple(replace(round_, offset=0) for round_ in self.rounds))

    def inputs(self) -> list[str]:
        """The inputs of such a template."""
        return ["path", *(_counter(at) for at in range(len(self.rounds)))]

    def into(self, header: NodeId, template: str) -> TemplatePlace:
        """Inside the template of a loop."""
        return TemplatePlace(PATH, (*self.called().rounds, Round(header, template)))

    def again(self, header: NodeId) -> TemplatePlace:
        """In the next iteration of a loop around; the loops inside that one are left."""
        at = next(at for at, round_ in enumerate(self.rounds) if round_.header == header)
        last = self.rounds[at]
        return TemplatePlace(self.base, (*self.rounds[:at], replace(last, offset=last.offset + 1)))

    def _number(self, at: int) -> str:
        offset, value = self.rounds[at].offset, f"inputs.parameters.{_counter(at)}"
        return f"{{{{=string(asInt({value}) + {offset})}}}}" if offset else f"{{{{{value}}}}}"


def _counter(at: int) -> str:
    return f"n{at + 1}"
