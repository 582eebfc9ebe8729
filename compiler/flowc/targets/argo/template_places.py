"""The place of a template's tasks: the path of its input, and the iterations of the loops around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir.graphs.scopes import LoopScope
from flowc_ir.late.dataclass import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir.graphs.scopes import Scope
    from flowc_ir.model import NodeId

PATH = "{{inputs.parameters.path}}"
ROOT_PATH = "0"


@final
@dataclass(frozen=True, slots=True)
class Round:
    """A loop around a place: its header, its template, and the iterations since the template's input."""

    header: NodeId
    template: str
    offset: int = 0


@final
@dataclass(frozen=True, slots=True)
class TemplatePlace:
    """A place: `base` is the path outside the loops, whose iterations the inputs `n1`, `n2`, … count, outermost first.

    If a loop has several exits, the steps after it are in the loop's template; their path lacks that loop's number.
    """

    base: str = PATH
    rounds: tuple[Round, ...] = ()

    def path(self, scopes: Sequence[Scope]) -> str:
        """Return the index path of a task whose step has these scopes; it may contain expressions of Argo."""
        inside = [at for at, round_ in enumerate(self.rounds) if LoopScope(round_.header) in scopes]
        return self.base + "".join(f"~{self._number(at)}" for at in inside)

    def arguments(self) -> dict[str, str]:
        """Return the arguments by which a template that is called from here gets this place."""
        return {"path": self.base} | {_counter(at): self._number(at) for at in range(len(self.rounds))}

    def called(self) -> TemplatePlace:
        """Return this place as a template that is called from here sees it: its inputs are the path and the iterations
        here."""
        return TemplatePlace(PATH, tuple(replace(round_, offset=0) for round_ in self.rounds))

    def inputs(self) -> list[str]:
        """Return the inputs of a template that is called from here."""
        return ["path", *(_counter(at) for at in range(len(self.rounds)))]

    def into(self, header: NodeId, template: str) -> TemplatePlace:
        """Return the place inside the template of a loop that is called from here.

        Args:
            header: the loop's header.
            template: the name of the loop's template.
        """
        return TemplatePlace(PATH, (*self.called().rounds, Round(header, template)))

    def again(self, header: NodeId) -> TemplatePlace:
        """Return the place in the next iteration of a loop around this one; the loops inside that loop end.

        Args:
            header: the header of one of `rounds`.
        """
        at = next(at for at, round_ in enumerate(self.rounds) if round_.header == header)
        last = self.rounds[at]
        return TemplatePlace(self.base, (*self.rounds[:at], replace(last, offset=last.offset + 1)))

    def _number(self, at: int) -> str:
        offset, value = self.rounds[at].offset, f"inputs.parameters.{_counter(at)}"
        return f"{{{{=string(asInt({value}) + {offset})}}}}" if offset else f"{{{{{value}}}}}"


def _counter(at: int) -> str:
    return f"n{at + 1}"
