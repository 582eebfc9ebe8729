"""Components for text: Markdown, HTML, values, errors, code."""

from __future__ import annotations

import inspect
import textwrap
import traceback
from typing import TYPE_CHECKING, Any, ClassVar

from metaflow.plugins.cards.card_modules.card import MetaflowCardComponent
from metaflow.plugins.cards.card_modules.renderer_tools import NotShownError, render_safely
from metaflow.plugins.cards.card_modules.user_component import UserComponent
from metaflow.plugins.cards.card_modules.values import brief

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Artifact", "Error", "Html", "Markdown", "PythonCode"]


class Markdown(UserComponent):
    """Text in Markdown (CommonMark and tables). HTML in the text is escaped.

    The common indentation of all lines is removed, so the text may be indented like the surrounding code.

    >>> current.card.append(Markdown("# It works"))
    """

    def __init__(self, text: str | None = None) -> None:
        self._text = text

    def update(self, text: str | None = None) -> None:
        """Change the text."""
        self._text = text

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return self._base("markdown", source="" if self._text is None else textwrap.dedent(str(self._text)))


class Html(UserComponent):
    """HTML that is shown unchanged: a step that inserts text from other sources must escape it.

    Cards cannot load anything: images must be `data:` URIs, and scripts and styles must be inline.

    >>> current.card.append(Html("<b>bold</b>"))
    """

    def __init__(self, html: str) -> None:
        self._html = html

    def update(self, html: str) -> None:
        """Change the HTML."""
        self._html = html

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        return self._base("html", html=str(self._html))


class Artifact(UserComponent):
    """A pretty-printed value, shortened if it is large.

    >>> current.card.append(Artifact({"depth": 3}, name="settings"))

    Args:
        artifact: any value; if its `repr` fails, the card shows the error.
        name: the name above the value.
        compressed: whether a container of more than 200 items is shortened. Text is always cut after 20,000 characters.
    """

    def __init__(self, artifact: object, name: str | None = None, compressed: bool = True) -> None:
        self._artifact, self._name, self._compressed = artifact, name, compressed

    def update(self, artifact: object) -> None:
        """Show another value."""
        self._artifact = artifact

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        text, large = brief(self._artifact, short=self._compressed)
        kind = type(self._artifact).__name__
        name = None if self._name is None else str(self._name)
        shown = {"name": name, "type": kind, "data": text, "large_object": large}
        return self._base("artifacts", data=[shown])


class Error(MetaflowCardComponent):
    """An exception and its traceback.

    >>> current.card.append(Error(error, "The download failed"))

    Args:
        exception: the exception, or a value that is shown as text.
        title: the heading; default: `Error`.
    """

    def __init__(self, exception: BaseException | object, title: str | None = None) -> None:
        self._exception, self._title = exception, title

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        error = self._exception
        if isinstance(error, BaseException):
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        else:
            text = str(error)
        title = str(self._title or "Error")
        return {"type": "log", "id": self.component_id, "title": title, "data": text, "error": True}


class PythonCode(UserComponent):
    """The source code of a function, or code as text.

    >>> current.card.append(PythonCode(code_string="x = 1"))

    Args:
        code_func: a function whose source file can be read.
        code_string: the code as text, instead of a function.
    """

    REALTIME_UPDATABLE: ClassVar[bool] = False

    def __init__(self, code_func: Callable[..., object] | None = None, code_string: str | None = None) -> None:
        self._function, self._text = code_func, code_string

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        text = self._text
        if self._function is not None:
            try:
                text = textwrap.dedent(inspect.getsource(self._function))
            except (TypeError, OSError) as error:
                raise NotShownError(f"the source of {self._function!r} cannot be found: {error}") from None
        if not isinstance(text, str):
            raise NotShownError("PythonCode takes a function, or text as code_string=")
        return self._base("pythonCode", data=text)
