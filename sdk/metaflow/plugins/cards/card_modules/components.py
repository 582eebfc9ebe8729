"""The components: each becomes a dict, which the page draws (`metaflow.plugins.cards._draw`)."""

from __future__ import annotations

import base64
import inspect
import io
import json
import textwrap
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from metaflow.plugins.cards.card_modules.card import MetaflowCardComponent
from metaflow.plugins.cards.card_modules.renderer_tools import failure, render_safely
from metaflow.plugins.cards.card_modules.values import brief, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Artifact",
    "Error",
    "Html",
    "Image",
    "Markdown",
    "ProgressBar",
    "PythonCode",
    "Table",
    "UserComponent",
    "ValueBox",
    "VegaChart",
]


class UserComponent(MetaflowCardComponent):
    """A component that can change while the step runs."""

    REALTIME_UPDATABLE: ClassVar[bool] = True

    def _base(self, type: str, **more: Any) -> dict[str, Any]:
        """Its dict, without what is None."""
        values = {"type": type, "id": self.component_id, **more}
        return {key: value for key, value in values.items() if value is not None}


class Markdown(UserComponent):
    """Text in Markdown (CommonMark and tables). HTML in it is shown as it is written.

    >>> current.card.append(Markdown("# It works"))
    """

    def __init__(self, text: str | None = None) -> None:
        self._text = text

    def update(self, text: str | None = None) -> None:
        """Change the text."""
        self._text = text

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        return self._base("markdown", source="" if self._text is None else str(self._text))


class Html(UserComponent):
    """HTML as it is: whoever puts text into it that others wrote has to escape it.

    Cards load nothing from the network: images are to be `data:` URIs, scripts and styles inline.
    """

    def __init__(self, html: str) -> None:
        self._html = html

    def update(self, html: str) -> None:
        """Change the HTML."""
        self._html = html

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        return self._base("html", html=str(self._html))


class Artifact(UserComponent):
    """A value, printed neatly and shortened if it is large."""

    def __init__(self, artifact: Any, name: str | None = None, compressed: bool = True) -> None:
        self._artifact, self._name, self._compressed = artifact, name, compressed

    def update(self, artifact: Any) -> None:
        """Show another value."""
        self._artifact = artifact

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        text, large = brief(self._artifact, short=self._compressed)
        kind = type(self._artifact).__name__
        shown = {"name": self._name, "type": kind, "data": text, "large_object": large}
        return self._base("artifacts", data=[shown])


class Table(UserComponent):
    """Rows of values or of other components.

    >>> current.card.append(Table([["a", 1], ["b", Markdown("*two*")]], headers=["name", "value"]))
    """

    def __init__(
        self,
        data: Sequence[Sequence[Any]] | None = None,
        headers: Sequence[Any] | None = None,
        disable_updates: bool = False,
    ) -> None:
        self._data: Any = [[]] if data is None else data
        self._headers: Any = [] if headers is None else headers
        self._fixed = disable_updates

    @classmethod
    def from_dataframe(cls, dataframe: Any = None, truncate: bool = True) -> Table:
        """The rows and columns of a pandas data frame; at most 100 rows and 30 columns, unless `truncate` is false."""
        return cls(*_frame(dataframe, truncate))

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Show other rows: the arguments are those of `Table`, or a data frame."""
        if self._fixed:
            return
        frame = args[0] if args else kwargs.pop("dataframe", None)
        if hasattr(frame, "columns"):
            args = _frame(frame, kwargs.pop("truncate", True))
        self.__init__(*args, **kwargs)  # type: ignore[misc]

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        rows = [[_cell(value) for value in row] for row in self._data]
        return self._base("table", columns=[str(header) for header in self._headers], data=rows, vertical=False)


def _frame(dataframe: Any, truncate: bool) -> tuple[list[list[Any]], list[str]]:
    """The rows and the headers of a data frame."""
    if not hasattr(dataframe, "itertuples"):
        raise TypeError(f"from_dataframe takes a pandas data frame, not {type(dataframe).__name__}")
    if truncate:
        dataframe = dataframe.iloc[:100, :30]
    names = [name for name in dataframe.index.names if name is not None]
    index = bool(names) or type(dataframe.index).__name__ != "RangeIndex"
    headers = [", ".join(map(str, names)), *map(str, dataframe.columns)] if index else list(map(str, dataframe.columns))
    return [list(row) for row in dataframe.itertuples(index=index)], headers


def _cell(value: Any) -> Any:
    if not isinstance(value, MetaflowCardComponent):
        return plain(value)
    try:
        rendered = value.render()
    except Exception as error:  # one cell, not the table
        return failure(value, error)
    return {"type": "html", "html": rendered} if isinstance(rendered, str) else rendered


class Image(UserComponent):
    """A picture: PNG, JPEG, GIF or WebP as bytes, or a `data:` URI."""

    def __init__(self, src: bytes | str | None = None, label: str | None = None, disable_updates: bool = True) -> None:
        self._fixed = disable_updates
        self._label, self._src = label, src

    @classmethod
    def from_matplotlib(cls, plot: Any, label: str | None = None, disable_updates: bool = False) -> Image:
        """A figure of matplotlib's, or what is on one, as PNG."""
        return cls(_drawn(plot), label, disable_updates)

    @classmethod
    def from_pil_image(cls, pilimage: Any, label: str | None = None, disable_updates: bool = False) -> Image:
        """An image of Pillow's, as PNG."""
        return cls(_encoded(pilimage), label, disable_updates)

    def update(self, image: Any, label: str | None = None) -> None:
        """Show another picture: bytes, a figure or an image of Pillow's. A picture of plain bytes stays as it is."""
        if self._fixed:
            return
        if not isinstance(image, bytes | str):
            image = _encoded(image) if hasattr(image, "save") else _drawn(image)
        self._src, self._label = image, self._label if label is None else label

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        source = self._src
        if isinstance(source, bytes | bytearray | memoryview):
            source = f"data:{_image_type(bytes(source[:16]))};base64,{base64.b64encode(source).decode()}"
        if not isinstance(source, str) or not source.startswith("data:image/"):
            raise ValueError("an Image is bytes of a picture or a `data:image/…` URI: a card loads nothing by itself")
        return self._base("image", src=source, label=self._label)


_SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


def _image_type(head: bytes) -> str:
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    raise ValueError("these bytes are no picture: an Image is PNG, JPEG, GIF or WebP")


def _drawn(plot: Any) -> bytes:
    figure = plot if hasattr(plot, "savefig") else plot.get_figure()
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight", dpi=150)
    return out.getvalue()


def _encoded(image: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()


class Error(MetaflowCardComponent):
    """An exception, with its traceback if it has one."""

    def __init__(self, exception: BaseException | Any, title: str | None = None) -> None:
        self._exception, self._title = exception, title

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        error = self._exception
        if isinstance(error, BaseException):
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        else:
            text = str(error)
        return {"type": "log", "id": self.component_id, "title": self._title or "Error", "data": text, "error": True}


class VegaChart(UserComponent):
    """A chart, described in Vega-Lite or Vega. Its data is in the description: a card loads nothing by itself."""

    type = "vegaChart"

    def __init__(self, spec: Mapping[str, Any], show_controls: bool = False) -> None:
        self._controls = show_controls
        self._spec = spec
        self.update(spec)

    @classmethod
    def from_altair_chart(cls, altair_chart: Any) -> VegaChart:
        """A chart of Altair's."""
        return cls(json.loads(altair_chart.to_json()))

    def update(self, spec: Mapping[str, Any] | None = None) -> None:
        """Draw another chart; without one, draw the same again, whose description may have changed in place."""
        if spec is not None and not isinstance(spec, Mapping):
            raise TypeError(f"a VegaChart is described by a dict, not by {type(spec).__name__}")
        self._spec = spec if spec is not None else self._spec

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        spec = dict(self._spec)
        if (url := _loaded(spec)) is not None:
            raise ValueError(f"the chart loads its data from {url}: put the data into the description (`values`)")
        if "vega-lite" in spec.get("$schema", "vega-lite") and not {"hconcat", "vconcat", "concat", "facet"} & set(
            spec
        ):
            spec.setdefault("width", "container")
        return self._base("vegaChart", spec=plain(spec, deep=True), options={"actions": self._controls})


def _loaded(spec: Any) -> str | None:
    """What a chart would load from elsewhere."""
    if isinstance(spec, Mapping):
        data = spec.get("data")
        for source in data if isinstance(data, list) else [data]:
            if isinstance(source, Mapping) and "url" in source:
                return str(source["url"])
        return next((url for key, part in spec.items() if key != "datasets" and (url := _loaded(part))), None)
    if isinstance(spec, list | tuple):
        return next((url for part in spec if (url := _loaded(part))), None)
    return None


class ProgressBar(UserComponent):
    """How far something has come."""

    type = "progressBar"

    def __init__(
        self,
        max: int = 100,
        label: str | None = None,
        value: int = 0,
        unit: str | None = None,
        metadata: str | None = None,
    ) -> None:
        self._max, self._label, self._value, self._unit, self._metadata = max, label, value, unit, metadata

    def update(self, new_value: int, metadata: str | None = None) -> None:
        """Say how far it is now."""
        self._value = new_value
        if metadata is not None:
            self._metadata = metadata

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        return self._base(
            "progressBar", max=plain(self._max), value=plain(self._value), label=self._label, unit=self._unit,
            details=self._metadata,
        )  # fmt: skip


class ValueBox(UserComponent):
    """One number, large, with what it means."""

    type = "valueBox"
    VALID_THEMES: ClassVar[frozenset[str]] = frozenset(
        {"default", "success", "warning", "danger", "bg-gradient-indigo-purple"}
    )

    def __init__(
        self,
        title: str | None = None,
        value: str | int | float = "",
        subtitle: str | None = None,
        theme: str | None = None,
        change_indicator: str | None = None,
    ) -> None:
        self._values: dict[str, Any] = {}
        self._value: Any = value
        self.update(title, value, subtitle, theme, change_indicator)

    def update(
        self,
        title: str | None = None,
        value: str | int | float | None = None,
        subtitle: str | None = None,
        theme: str | None = None,
        change_indicator: str | None = None,
    ) -> None:
        """Change what is given."""
        if theme is not None and theme not in self.VALID_THEMES:
            raise ValueError(f"no theme '{theme}'; there are {', '.join(sorted(self.VALID_THEMES))}")
        given = {"title": title, "subtitle": subtitle, "theme": theme, "change_indicator": change_indicator}
        self._values.update({name: value for name, value in given.items() if value is not None})
        self._value = value if value is not None else self._value

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        return self._base("valueBox", value=plain(self._value), **self._values)


class PythonCode(UserComponent):
    """Code: of a function, or as text."""

    REALTIME_UPDATABLE: ClassVar[bool] = False

    def __init__(self, code_func: Callable[..., Any] | None = None, code_string: str | None = None) -> None:
        self._function, self._text = code_func, code_string

    @render_safely
    def render(self) -> dict[str, Any]:
        """As a dict."""
        text = self._text
        if self._function is not None:
            text = textwrap.dedent(inspect.getsource(self._function))
        return self._base("pythonCode", data=text or "# no code was given")
