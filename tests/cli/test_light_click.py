"""`flowc.cli.light_click` imports click without modules that it rarely needs; click works as after a usual import."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
import uuid
from typing import TYPE_CHECKING

import pytest

from flowc.cli import light_click

if TYPE_CHECKING:
    from pathlib import Path


def run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_click_is_imported_without_inspect_uuid_and_platform() -> None:
    run("""
        import sys, flowc.cli
        assert "click" in sys.modules
        assert not {"inspect", "uuid", "platform", "dis", "ast", "datetime", "gettext", "locale"} & sys.modules.keys()
    """)


def test_other_modules_import_the_real_ones() -> None:
    run("""
        import flowc.cli, inspect, uuid, click, sys
        assert inspect.__spec__ is not None and sys.modules["uuid"] is uuid
        assert inspect.isfunction(lambda: 1) and inspect.signature(click.Option).parameters
    """)


def test_clicks_uuid_type() -> None:
    run("""
        import flowc.cli, click, sys
        assert "uuid" not in sys.modules
        value = click.UUID.convert("12345678-1234-5678-1234-567812345678", None, None)
        import uuid
        assert type(value) is uuid.UUID and click.UUID.convert(value, None, None) is value
        try:
            click.UUID.convert("x", None, None)
        except click.BadParameter as error:
            assert "not a valid UUID" in str(error)
        else:
            raise AssertionError
    """)


def test_clicks_type_of_times() -> None:
    run("""
        import flowc.cli, click, sys
        assert "datetime" not in sys.modules
        value = click.DateTime().convert("2026-11-30", None, None)
        import datetime
        assert value == datetime.datetime(2026, 11, 30)
        assert click.DateTime().convert(value, None, None) is value
    """)


def test_messages_are_translated_if_a_program_imports_gettext() -> None:
    run("""
        import flowc.cli, click, sys
        assert click.Path(dir_okay=False).name == "file" and "gettext" not in sys.modules
        import builtins, gettext
        gettext.translation = lambda *args, **values: type("T", (), {
            "gettext": staticmethod(str.upper), "ngettext": staticmethod(lambda one, many, n: many.upper()),
        })
        assert click.Path(dir_okay=False).name == "FILE"
        assert click.core.ngettext("a", "b", 1) == "B"
    """)
    run("""
        import flowc.cli, click.core
        assert click.core.ngettext("a", "b", 1) == "a" and click.core.ngettext("a", "b", 2) == "b"
    """)


def test_urllib_is_imported_without_ipaddress() -> None:
    run("""
        import sys, flowc.cli.options
        assert "urllib.parse" in sys.modules and "ipaddress" not in sys.modules
        import urllib.parse
        assert not hasattr(getattr(urllib.parse, "ipaddress", None), "__spec__")  # the import system asks for it
        from urllib.parse import urlsplit
        assert urlsplit("http://[::1]:80/").hostname == "::1"
        if "ipaddress" in vars(urllib.parse):  # not in the older versions of Python that do not check such addresses
            try:
                urlsplit("http://[x]/")
            except ValueError:
                pass
            else:
                raise AssertionError
        import ipaddress
        assert ipaddress.__spec__ is not None and ipaddress.ip_address("::1")
    """)
    run("""
        import ipaddress, sys, flowc.cli.options, urllib.parse
        assert sys.modules["ipaddress"] is ipaddress and getattr(urllib.parse, "ipaddress", ipaddress) is ipaddress
    """)


def test_modules_that_are_loaded_are_not_replaced() -> None:
    run("""
        import inspect, uuid, flowc.cli, click.core, click.types
        assert click.core.inspect is inspect and click.types.uuid is uuid
    """)
    run("""
        import click.core, inspect, flowc.cli
        assert click.core.inspect is inspect
    """)


def test_collection_of_garbage_stays_as_it_was() -> None:
    run("import gc, flowc.cli; assert gc.isenabled()")
    run("import gc; gc.disable(); import flowc.cli; assert not gc.isenabled()")


@pytest.mark.parametrize("text", ["Help.", "  Help. ", "\tA\tb", "", "One.\n\n    Two.\n    ", "\n  x\n  y", "a\fb"])
def test_help_texts_are_cleaned_like_by_inspect(text: str) -> None:
    assert light_click._LateInspect.cleandoc(text) == inspect.cleandoc(text)


def test_instances_of_the_replaced_class() -> None:
    kind = light_click._UUID
    assert isinstance(uuid.uuid4(), kind)
    assert not isinstance("x", kind)
    assert kind(int=1) == uuid.UUID(int=1)


def test_a_module_that_click_needs_when_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = light_click._LateInspect(light_click.inspect, "inspect")
    monkeypatch.setitem(sys.modules, "inspect", stand_in)
    assert stand_in.isfunction(len) is False
    assert sys.modules["inspect"] is not stand_in
    monkeypatch.setitem(sys.modules, "uuid", light_click._LateUuid(uuid, "uuid"))
    assert not isinstance("x", light_click._UUID)


CATALOG = """
import os, struct, sys
place = os.path.join(sys.argv[1], "share", "locale", "de", "LC_MESSAGES")
os.makedirs(place)
with open(os.path.join(place, "messages.mo"), "wb") as file:
    given, other = b"Show this message and exit.", "Zeigt diese Hilfe.".encode()
    head = struct.pack("<7I", 0x950412DE, 0, 1, 28, 36, 0, 0)
    table = struct.pack("<4I", len(given), 44, len(other), 44 + len(given) + 1)
    file.write(head + table + given + b"\\0" + other + b"\\0")
"""


@pytest.mark.parametrize(
    ("language", "text"), [("de_DE.UTF-8", "Zeigt diese Hilfe."), ("fr", "Show this"), ("C", "Show this")]
)
def test_a_catalog_of_the_users_language_translates_clicks_texts(language: str, text: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CATALOG, str(tmp_path)], check=True)
    code = f"import sys; sys.base_prefix = {str(tmp_path)!r}; from flowc.__main__ import main; main()"
    environment = {"LANG": language, "PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], env=environment, capture_output=True, text=True, check=True
    )
    assert text in done.stdout, done.stderr
