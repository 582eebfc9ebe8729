"""Addresses of stores: credentials in them are refused, and never printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc.targets.argo import Settings
from flowc_runtime.base.addresses import fault, shown
from flowc_runtime.base.errors import StoreError
from flowc_runtime.store.backends.remote.errors import place
from flowc_runtime.store.records.store import Store
from small_flows import two_steps

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

SECRET = "wJalrXUtnFEMI"
WITH_CREDENTIALS = [
    (f"s3://AKIA:{SECRET}@bucket/prefix", "s3://…@bucket/prefix"),
    (f"s3://AKIA:{SECRET}/{SECRET}@bucket/prefix", "s3://…@bucket/prefix"),
    (f"s3://AKIA:{SECRET}?{SECRET}#@bucket", "s3://…@bucket"),
    (f"s3://{SECRET}@bucket", "s3://…@bucket"),
    (f"gs://user:{SECRET}@bucket/a/b", "gs://…@bucket/a/b"),
    (f"az://x:{SECRET}@y@bucket/a", "az://…@bucket/a"),
    (f"s3://bucket/prefix?X-Amz-Credential=x&X-Amz-Signature={SECRET}", "s3://bucket/prefix?…"),
    (f"s3://bucket?access_key=a&secret_key={SECRET}", "s3://bucket?…"),
    (f"az://container/a?sig={SECRET}#x", "az://container/a?…"),
    (f"s3://bucket/a#{SECRET}", "s3://bucket/a#…"),
    (f"s3://k:{SECRET}@bucket?x={SECRET}", "s3://…@bucket?…"),
    (f"https://bucket.s3.amazonaws.com/a?X-Amz-Signature={SECRET}", "https://bucket.s3.amazonaws.com/a?…"),
    (f"https://user:{SECRET}@host/a", "https://…@host/a"),
]


@pytest.mark.parametrize(("url", "masked"), WITH_CREDENTIALS)
def test_they_are_refused_wherever_a_store_is_named(url: str, masked: str) -> None:
    assert shown(url) == masked
    with pytest.raises(StoreError) as opened:
        Store.open(url)
    with pytest.raises(ValueError, match=r"^store: not ") as compiled:
        Settings(store=url)
    for error in (opened.value, compiled.value):
        assert SECRET not in str(error)
        assert masked in str(error)
        assert "pass credentials in environment variables (AWS_ACCESS_KEY_ID, …), and to pods in a Secret" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket/user@example.org/runs",
        "gs://b/a=b&c",
        "/data/a?b#c@d",
        "file:///a?b@c",
    ],
)
def test_others_are_as_they_were(url: str) -> None:
    assert fault(url) is None
    assert shown(url) == url


@pytest.mark.parametrize("url", ["s3:/bucket/a", "s3:bucket/a", "gs:/b", "az:/c"])
def test_an_address_that_lacks_a_slash_is_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    scheme, _, rest = url.partition(":")
    with pytest.raises(StoreError, match=f"did you mean '{scheme}://{rest.lstrip('/')}'"):
        Store.open(url)
    with pytest.raises(StoreError, match="s3://…@bucket") as told:
        Store.open(f"s3:/key:{SECRET}@bucket")
    assert SECRET not in str(told.value)
    Store.open(f"./{url}").objects.put("x", b"")
    assert (tmp_path / url / "x").exists()


FLOW = two_steps("Small")


def test_every_way_of_naming_a_store_refuses_them(project: Project) -> None:
    project.write("flow.py", FLOW)
    url = f"s3://AKIA:{SECRET}@bucket/prefix"
    client = "import os; from metaflow import Flow, metadata; metadata(os.environ['ADDRESS']); Flow('Small')"
    ways = [
        project.flowc("run", "flow.py", "--store", url),
        project.flowc("run", "flow.py", FLOWC_STORE=url),
        project.python("flow.py", "--datastore", "s3", "--datastore-root", url, "run"),
        project.python("flow.py", "run", METAFLOW_DEFAULT_DATASTORE="s3", METAFLOW_DATASTORE_SYSROOT_S3=url),
        project.flowc("runs", "--store", url),
        project.flowc("compile", "flow.py", "--store", url),
        project.flowc("compile", "flow.py", FLOWC_CLUSTER_STORE=url),
        # the address is in a variable, because Python 3.13 prints the code after -c in a traceback
        project.python("-c", client, ADDRESS=url),
    ]
    for done in ways:
        assert done.code != 0
        assert SECRET not in done.out + done.err
        assert "s3://…@bucket/prefix: it has a key or a password before the bucket" in done.err
    project.write("flowc.toml", f'store = "{url}"\ncluster-store = "{url}"\n')
    for command in (("run", "flow.py"), ("compile", "flow.py"), ("gc",)):
        done = project.flowc(*command)
        assert done.code != 0
        assert SECRET not in done.out + done.err
    assert not any(SECRET in path.read_text() for path in project.root.rglob("*.json"))


def test_what_prints_settings_does_not_print_them(project: Project) -> None:
    for url, masked in WITH_CREDENTIALS[:1] + WITH_CREDENTIALS[-3:]:
        for setting in ("store", "cluster-store"):
            project.write("flowc.toml", f'{setting} = "{url}"\n')
            for command in (("config",), ("config", setting), ("config", "--json"), ("config", setting, "--json")):
                done = project.flowc(*command)
                assert (done.code, SECRET in done.out + done.err, masked in done.out) == (0, False, True), done
        project.write("flowc.toml", f'store = "{url}"\n')
        done = project.flowc("doctor")
        assert (done.code, SECRET in done.out + done.err) == (1, False), done
        assert f"BAD  the store {masked}: it has a " in done.out or masked.startswith("https:"), done.out


@pytest.mark.parametrize(
    ("endpoint", "masked"),
    [
        (f"http://user:{SECRET}@127.0.0.1:1", "http://…@127.0.0.1:1"),
        (f"http://127.0.0.1:1/?key={SECRET}", "http://127.0.0.1:1/?…"),
    ],
)
def test_those_of_an_endpoint_are_not_repeated(monkeypatch: pytest.MonkeyPatch, endpoint: str, masked: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert place("no address in it", "s3://bucket") == f"s3://bucket at {masked}"
    assert SECRET not in place(f"error sending request for url ({endpoint}/bucket)", "s3://bucket")
