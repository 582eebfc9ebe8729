"""Opens the flow that a command line names: `flow.py`, `flow.py:Flow`, `pkg.module`, `ir.json`, `pipeline.yaml` etc.

`KINDS` is the table of the kinds of files and modules; the first kind that accepts the argument opens it. An error in
the argument raises `OpeningError`, which has a hint. Faults of the flow itself become diagnostics of the loaded flow.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc.flow_files import OpeningError, check_file, flows_in, is_dotted, nearby, similar
from flowc.frontends.metaflow.load_options import LoadOptions
from flowc.modules import ModuleError, find_module
from flowc_ir.codes import NO_FLOW
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.suggestion import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from flowc.frontends.ir.loading import load_ir
    from flowc.frontends.loaded import Loaded
    from flowc.frontends.metaflow.flowspec import load
    from flowc.frontends.metaflow.load_options import Ask, ChooseClass
    from flowc.frontends.pipeline.named_objects import load_named, load_notebook
    from flowc.frontends.yaml import yaml_loading, yaml_tree
    from flowc.not_python import by_name
else:
    by_name = LateFunction("flowc.not_python:by_name")
    load_ir = LateFunction("flowc.frontends.ir.loading:load_ir")
    load = LateFunction("flowc.frontends.metaflow.flowspec:load")
    load_named = LateFunction("flowc.frontends.pipeline.named_objects:load_named")
    load_notebook = LateFunction("flowc.frontends.pipeline.named_objects:load_notebook")
    yaml_loading = LateModule("flowc.frontends.yaml.yaml_loading")
    yaml_tree = LateModule("flowc.frontends.yaml.yaml_tree")


class CodeOf(NamedTuple):
    """The location of an IR's code: `place` is a directory or an archive; None is the directory of the IR's file.
    `suffixes` are the suffixes of further files to package."""

    place: str | None = None
    suffixes: tuple[str, ...] = ()


class CodeWords(NamedTuple):
    """A parsed argument FLOW: `name` names a file or a module; `class_name` is a class in that file or module, or None.

    If `root`, the root directory of the flow's code, is given, `name` is a file relative to `root`. `code` is the
    location of the code of an IR.
    """

    text: str
    name: str
    class_name: str | None = None
    root: Path | None = None
    otherwise: ChooseClass | None = None
    code: CodeOf = CodeOf()


class CodeKind(NamedTuple):
    """A kind of file or module that defines a flow: `form` is the argument's notation, `takes` decides whether an
    argument is of this kind, and `open` loads the flow."""

    name: str
    form: str
    takes: Callable[[CodeWords], bool]
    open: Callable[[CodeWords, Ask], Loaded]


def open_flow(
    text: str,
    asked: LoadOptions | Ask,
    *,
    class_name: str | None = None,
    otherwise: ChooseClass | None = None,
    root: Path | None = None,
    code: CodeOf = CodeOf(),  # noqa: B008  # never changed
) -> Loaded:
    """Load the flow that FLOW, an argument of a command, names.

    Args:
        text: the argument FLOW.
        asked: the decorators, deployment and configs to apply, or a function that returns them for the flow's class.
        class_name: the value of `--flow`.
        otherwise: a function that chooses a class if neither FLOW nor `class_name` names one. The function gets the
            default class or None; it returns the name of another class, or None for the default class.
        root: the root directory of the flow's code; if it is given, FLOW is a file relative to it.
        code: where the code of an IR is.

    Raises:
        OpeningError: the argument names nothing that can be run.
        DeploymentError: the flow does not allow the deployment.
    """
    words = with_class(CodeWords(text, text, root=root) if root else parse(text), class_name)
    ask = (lambda _: asked) if isinstance(asked, LoadOptions) else asked
    kind = next(kind for kind in KINDS if kind.takes(words))
    if code.place is not None and kind.takes is not _is_ir:
        raise OpeningError(
            f"{text!r} is not an IR, so --code has no meaning", "leave --code out: a flow's code is beside its file"
        )
    return kind.open(words._replace(otherwise=otherwise, code=code), ask)


def parse(text: str) -> CodeWords:
    """Split FLOW into a name and a class.

    Args:
        text: `FILE`, `FILE:CLASS`, `MODULE` or `MODULE:CLASS`. If the whole text is the name of a file, the text names
            no class.

    Raises:
        OpeningError: the name is empty, or no valid class name follows the colon.
    """
    if not text:
        raise OpeningError("the flow's name is empty", f"write {_forms()}")
    directory, slash, last = text.rpartition("/")
    name, colon, class_name = last.partition(":")
    if not colon or os.path.lexists(text):
        return CodeWords(text, text)
    name = directory + slash + name
    if not name:
        raise OpeningError(f"{text!r} names a class, but no file", f"write {_forms()}")
    if not class_name.isidentifier():
        what = f"{class_name!r} is not the name of a class" if class_name else "no class follows the ':'"
        raise OpeningError(f"{text!r}: {what}", f"write {name}:CLASS, or only {name}")
    return CodeWords(text, name, class_name)


def names_code(text: str) -> bool:
    """Return whether FLOW names code on this machine, rather than a deployed flow or a flow with runs.

    FLOW names code if it is a file name, a path, a text with a colon, or the dotted name of an existing module.
    """
    if text.endswith(".py") or by_name(text) is not None or "/" in text or ":" in text:
        return True
    if "." not in text or not is_dotted(text):
        return False
    try:
        find_module(text)
    except ModuleError:
        return False
    return True


def with_class(words: CodeWords, class_name: str | None) -> CodeWords:
    """Return the parsed argument with the class that the option `--flow` names.

    Args:
        words: the parsed argument FLOW.
        class_name: the value of `--flow`; None changes nothing.

    Raises:
        OpeningError: FLOW names another class than `class_name`.
    """
    if class_name is None:
        return words
    if words.class_name not in (None, class_name):
        raise OpeningError(
            f"{words.text} and --flow {class_name} name different classes",
            f"write {words.name}:{class_name} or {words.text}, without --flow",
        )
    return CodeWords(words.text, words.name, class_name, words.root)


# -- files -------------------------------------------------------------------------------------------------------------


def _open_file(words: CodeWords, ask: Ask) -> Loaded:
    path = Path(words.name) if words.root is None else words.root / words.name
    _check_file(words.name, path)
    return _load(path, words, ask)


def _check_file(name: str, path: Path) -> None:
    check_file(name, path, _forms())


def _similar(path: Path) -> str:
    return similar(path, _forms())


def _flows_in(directory: Path, package: str | None = None) -> str:
    return flows_in(directory, _forms(), package)


def _is_refused(words: CodeWords) -> bool:
    return by_name(words.name) is not None


def _refuse(words: CodeWords, ask: Ask) -> Loaded:
    other = by_name(words.name)
    assert other is not None
    raise OpeningError(f"{words.name!r} is {other.what}, which cannot be opened as a flow", other.hint)


# -- the IR ------------------------------------------------------------------------------------------------------------


def is_ir(name: str) -> bool:
    """Return whether a file is an IR by its name: whether the name ends in `.json`, in upper or lower case."""
    return name.lower().endswith(".json")


def _is_ir(words: CodeWords) -> bool:
    return words.root is None and is_ir(words.name)


def _open_ir(words: CodeWords, ask: Ask) -> Loaded:
    path = Path(words.name)
    if path.is_dir() or not path.exists():
        _check_file(words.name, path)
    place = Path(words.code.place) if words.code.place is not None else None
    if place is not None and not place.exists():
        raise OpeningError(f"--code: {str(place)!r} does not exist", "name the directory or the archive of the code")
    try:
        loaded = load_ir(path, place, words.code.suffixes)
    except OSError as error:
        raise OpeningError(f"cannot read {words.name!r}: {error.strerror or error}", "make it readable") from None
    if loaded.flow is not None and loaded.cls is not None:
        if words.class_name not in (None, loaded.flow.code.name):
            raise OpeningError(
                f"{words.name!r} is the IR of {loaded.flow.code.name}, not of {words.class_name}",
                f"write {words.name}, without a class",
            )
        _check_fixed(words.name, "an IR", ask(loaded.cls))
    return loaded


def _check_fixed(name: str, what: str, asked: LoadOptions) -> None:
    """Raise OpeningError for options that are only for flow classes: an IR already contains their values."""
    configs = asked.configs
    given = {
        "--with": bool(asked.with_decorators),
        "--branch and --production": asked.deployment is not None and asked.deployment.needs_project,
        "--config and --config-value": configs is not None and bool(configs.files or configs.values),
    }
    if option := next((option for option, there in given.items() if there), None):
        hint = f"write the IR again with the option: flowc ir FLOW … > {name}" if is_ir(name) else "leave it out"
        raise OpeningError(f"{name!r} is {what}, which {option} cannot change", hint)


# -- pipelines in YAML, and notebooks ----------------------------------------------------------------------------------


def is_yaml(name: str) -> bool:
    """Return whether a file name has the suffix of YAML, in upper or lower case."""
    return name.lower().endswith((".yaml", ".yml"))


def _open_yaml(words: CodeWords, ask: Ask) -> Loaded:
    path = Path(words.name) if words.root is None else words.root / words.name
    if words.class_name:
        raise OpeningError(f"{words.text!r} names a class, but a YAML file has one pipeline", f"write {words.name}")
    if path.is_dir():
        raise OpeningError(f"{words.name!r} is a directory, not a YAML file", _flows_in(path))
    if not path.exists():
        near = closest(path.name, _files_of(path.parent, is_yaml))
        hint = did_you_mean(str(path.with_name(near))) if near else _similar(path)
        raise OpeningError(f"{words.name!r} does not exist", hint)
    try:
        loaded = _fixed(words, partial(yaml_loading.load_yaml, path, words.root), ask)
    except yaml_tree.YamlMissing:
        raise OpeningError(f"{words.name!r} is YAML, which PyYAML reads", "pip install 'flowc[yaml]'") from None
    except OSError as error:
        raise OpeningError(f"cannot read {words.name!r}: {error.strerror or error}", "make it readable") from None
    assert loaded is not None
    return loaded


def _fixed(words: CodeWords, read: Callable[[tuple[str, ...]], Loaded | None], ask: Ask) -> Loaded | None:
    """Load a pipeline, then call `ask`, which needs the loaded pipeline. If the result has suffixes of further files to
    package, load the pipeline again with these suffixes."""
    loaded = read(())
    if loaded is not None and loaded.flow is not None and loaded.cls is not None:
        asked = ask(loaded.cls)
        _check_fixed(words.text, "a pipeline", asked)
        return read(asked.suffixes) if asked.suffixes else loaded
    return loaded


def is_notebook(name: str) -> bool:
    """Return whether a file name has the suffix of Jupyter notebooks, in upper or lower case."""
    return name.lower().endswith(".ipynb")


def _open_notebook(words: CodeWords, ask: Ask) -> Loaded:
    path = Path(words.name) if words.root is None else words.root / words.name
    if words.class_name:
        raise OpeningError(f"{words.text!r} names a class, but a notebook runs as a whole", f"write {words.name}")
    if not path.is_file():
        near = closest(path.name, _files_of(path.parent, is_notebook))
        hint = did_you_mean(str(path.with_name(near))) if near else _similar(path)
        raise OpeningError(f"{words.name!r} {'is a directory' if path.is_dir() else 'does not exist'}", hint)
    loaded = load_notebook(path, words.root, words.code.suffixes)
    if loaded.flow is not None and loaded.cls is not None:
        _check_fixed(words.text, "a notebook", ask(loaded.cls))
    return loaded


def _files_of(directory: Path, takes: Callable[[str], bool]) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if takes(name))
    except OSError:
        return []


# -- modules -----------------------------------------------------------------------------------------------------------


def _is_module(words: CodeWords) -> bool:
    """Return whether FLOW is the name of a module: a dotted name that is neither a file's name nor a plain directory's
    name."""
    if words.root is not None or words.name.endswith(".py") or not is_dotted(words.name):
        return False
    return not os.path.lexists(words.name) or os.path.isfile(f"{words.name}/__init__.py")


def _open_module(words: CodeWords, ask: Ask) -> Loaded:
    try:
        root, file = find_module(words.name)
    except ModuleError as error:
        near = nearby(Path(words.name)) if "." not in words.name else None
        raise OpeningError(error.message, did_you_mean(near) if near else error.hint) from None
    path = Path(root, file)
    if path.name != "__init__.py":
        _check_file(str(path), path)
        return _load(path, words._replace(root=Path(root)), ask)
    loaded = _load(path, words._replace(root=Path(root)), ask)
    if words.class_name is None and [fault.code for fault in loaded.diagnostics] == [NO_FLOW]:
        raise OpeningError(
            f"the package '{words.name}' has no flow in its __init__.py", _flows_in(path.parent, words.name)
        )
    return loaded


def _load(path: Path, words: CodeWords, ask: Ask) -> Loaded:
    def other(module: ModuleType) -> Loaded | None:
        """Load a pipeline or a function if FLOW names one, else return None."""
        named = getattr(module, words.class_name, None) if words.class_name is not None else None
        if isinstance(named, type) or ("flowc.pipeline.pipelines" not in sys.modules and not callable(named)):
            return None
        return _fixed(words, partial(load_named, module, words.class_name), ask)

    return load(
        path,
        root=words.root if path.parent != words.root else None,  # None for a file in no package
        name=words.name,
        class_name=words.class_name or words.otherwise,
        ask=ask,
        other=other,
    )


# The order matters: the last kind, a Python file, accepts every argument.
KINDS: Final[tuple[CodeKind, ...]] = (
    CodeKind("IR", "ir.json", _is_ir, _open_ir),
    CodeKind("YAML", "pipeline.yaml", lambda words: is_yaml(words.name), _open_yaml),
    CodeKind("notebook", "notebook.ipynb", lambda words: is_notebook(words.name), _open_notebook),
    CodeKind("refused file", "", _is_refused, _refuse),
    CodeKind("module", "pkg.module[:CLASS]", _is_module, _open_module),
    CodeKind("file", "flow.py[:CLASS]", lambda words: True, _open_file),
)


def _forms() -> str:
    return " or ".join(_shown())


def _shown() -> Iterator[str]:
    return (kind.form for kind in reversed(KINDS) if kind.form)
