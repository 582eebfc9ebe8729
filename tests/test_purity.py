"""Which imports of a user's modules are harmless, found in their syntax trees."""

from __future__ import annotations

import textwrap

import pytest

from flowc.frontend.purity import examine

HARMLESS = {
    "definitions": "def f(x=1): return open(x)\nclass A:\n    n = 1\n    def g(self): return open('x')",
    "constants": "X = {'a': [1, 2.5, None], 'b': (True, f'{1 + 1}')}\nY = X['a'][0] if X else -1",
    "a comprehension": "SQUARES = [x * x for x in range(10)]\nNAMES = {n: n.upper() for n in ('a', 'b')}",
    "a lambda that is not called": "KEY = lambda: __import__('uuid').uuid4()",
    "a pattern": "import re\nP = re.compile('a+')\nQ = P.sub('b', 'aa')",
    "a logger": "import logging\nLOG = logging.getLogger(__name__)\nLOG.setLevel(logging.INFO)\nlogging.basicConfig(level=10)",
    "a dataclass": "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass P:\n    x: int = 0\n    y: list = field(default_factory=list)",
    "an enumeration": "import enum\nclass Color(enum.Enum):\n    RED = enum.auto()",
    "typing": "from typing import NamedTuple, TypeVar\nT = TypeVar('T')\nclass P(NamedTuple):\n    x: int",
    "a path": "from pathlib import Path\nHERE = Path(__file__).parent / 'data'\nimport os\nTHERE = os.path.join(str(HERE), 'x')",
    "a seeded generator": "import random\nimport numpy as np\nR = random.Random(7)\nG = np.random.default_rng(42)\nnp.random.seed(1)",
    "a main guard": "import uuid\nif __name__ == '__main__':\n    print(uuid.uuid4())",
    "imports for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    X = open('x')",
    "an import that may fail": "try:\n    import torch\nexcept ImportError:\n    torch = None",
    "a function of one's own": "def make(n):\n    found = []\n    for i in range(n):\n        found.append(str(i))\n    return tuple(found)\nX = make(3)",
    "a decorator of one's own": "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return open(*a)\n    return inner\n@deco\ndef g(): pass",
    "a class of one's own": "class A:\n    def __init__(self, x): self.x = x\n    def get(self): return self.x\nA1 = A(1)\nX = A1.get()",
    "a lock": "import threading\nLOCK = threading.Lock()",
    "the path": "import sys\nsys.path.insert(0, 'lib')",
    "values of numpy": "import numpy as np\nGRID = np.linspace(0, 1, 11)\nnp.set_printoptions(precision=3)",
    "a flow": "from metaflow import FlowSpec, Parameter, step, retry, current\nclass F(FlowSpec):\n    n = Parameter('n', default=lambda c: 3)\n    @retry(times=2)\n    @step\n    def start(self):\n        open('x')",
    "a computed default": "from metaflow import Parameter\ndef default(context):\n    return context.flow_name.lower()\nN = Parameter('n', default=default)",
    "an exception": "class E(ValueError): pass\ntry:\n    raise E('x')\nexcept E:\n    pass",
}  # fmt: skip

HARMFUL = {
    "a uuid": ("import uuid\nKEY = uuid.uuid4().hex", ["2 calls uuid.uuid4"]),
    "an import by another name": ("from uuid import uuid4 as new\nKEY = new()", ["2 calls uuid.uuid4"]),
    "an unseeded generator": ("import numpy as np\nG = np.random.default_rng()", ["2 calls numpy.random.default_rng"]),
    "a draw": ("import random\nX = random.random()", ["2 calls random.random"]),
    "the time": ("import time, datetime\nT = time.time()\nD = datetime.datetime.now()",
                 ["2 calls time.time", "3 calls datetime.datetime.now"]),
    "a file": ("OUT = open('x', 'a')", ["1 calls builtins.open"]),
    "a file in a with": ("with open('x') as f:\n    X = f.read()", ["1 calls builtins.open", "2 calls f.read"]),
    "a thread": ("import threading\nt = threading.Thread(target=print)\nt.start()", ["2 calls threading.Thread", "3 calls t.start"]),
    "a directory": ("import tempfile\nD = tempfile.mkdtemp()", ["2 calls tempfile.mkdtemp"]),
    "an exit handler": ("import atexit\n@atexit.register\ndef done(): pass", ["2 calls atexit.register"]),
    "a connection": ("import sqlite3\nDB = sqlite3.connect('x')", ["2 calls sqlite3.connect"]),
    "a print": ("print('imported')", ["1 calls builtins.print"]),
    "a log file": ("import logging\nlogging.basicConfig(filename='x')", ["2 calls logging.basicConfig"]),
    "a function of one's own": ("def make():\n    return open('x')\nX = make()", ["2 calls builtins.open"]),
    "a function through another": ("def a():\n    return b()\ndef b():\n    return open('x')\nX = a()", ["4 calls builtins.open"]),
    "a default": ("def f(x=open('x')): pass", ["1 calls builtins.open"]),
    "a class body": ("class A:\n    f = open('x')", ["2 calls builtins.open"]),
    "a constructor": ("class A:\n    def __init__(self): self.f = open('x')\nX = A()", ["2 calls builtins.open"]),
    "a method": ("class A:\n    def get(self): return open('x')\nX = A()\nY = X.get()", ["2 calls builtins.open"]),
    "a context manager": ("class A:\n    def __enter__(self): open('x')\n    def __exit__(self, *e): pass\nwith A():\n    pass",
                          ["2 calls builtins.open"]),
    "a subclass hook": ("class A:\n    def __init_subclass__(cls): open('x')\nclass B(A): pass", ["2 calls builtins.open"]),
    "a metaclass": ("class M(type): pass\nclass A(metaclass=M): pass", ["2 makes the class A by a metaclass"]),
    "a lambda that is called": ("X = (lambda: open('x'))()", ["1 calls builtins.open"]),
    "a computed default": ("from metaflow import Parameter\ndef d(c): return open('x').read()\nN = Parameter('n', default=d)",
                           ["2 calls builtins.open"]),
    "what is not known": ("from somewhere import thing\nX = thing()", ["2 calls somewhere.thing"]),
    "a client": ("from metaflow import Flow\nRUN = Flow('X').latest_run", ["2 calls metaflow.Flow"]),
    "all branches": ("import sys, uuid\nif sys.argv:\n    X = 1\nelse:\n    X = uuid.uuid4()", ["5 calls uuid.uuid4"]),
    "after an import that failed": ("import uuid\ntry:\n    import x\nexcept ImportError:\n    x = uuid.uuid4()", ["5 calls uuid.uuid4"]),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_defines_is_harmless(name: str) -> None:
    assert examine({"m": ("m.py", HARMLESS[name])}).harms == ()


@pytest.mark.parametrize("name", HARMFUL)
def test_what_must_not_be_shared_is_found_with_its_line(name: str) -> None:
    source, expected = HARMFUL[name]
    found = examine({"m": ("m.py", source)}).harms
    assert [f"{harm.line} {harm.what}" for harm in found] == expected


def test_modules_are_looked_at_one_by_one_and_functions_across_them() -> None:
    helper = "import uuid\ndef key():\n    return uuid.uuid4()\ndef pure():\n    return 1\n"
    modules = {"m": ("m.py", "from p import helper\nX = helper.pure()"), "p.helper": ("p/helper.py", helper)}
    assert examine(modules).harms == ()
    modules["m"] = ("m.py", "from p.helper import key\nX = key()")
    assert [str(harm) for harm in examine(modules).harms] == ["p/helper.py:3 calls uuid.uuid4"]


def test_relative_imports_and_names_that_a_package_passes_on() -> None:
    modules = {
        "p": ("p/__init__.py", "from .helper import key"),
        "p.helper": ("p/helper.py", "def key():\n    return open('x')\n"),
        "p.m": ("p/m.py", "from . import key\nX = key()"),
    }
    assert [str(harm) for harm in examine(modules).harms] == ["p/helper.py:2 calls builtins.open"]


@pytest.mark.parametrize(
    "source",
    [
        "import os\nX = os.environ.get('X', '1')",
        "import os\nX = os.environ['X']",
        "from os import environ\nX = environ['X']",
        "from os import getenv\nX = getenv('X')",
        "import os\ndef f():\n    return 'X' in os.environ\nX = f()",
        "import os\nos.environ.setdefault('X', '1')",
    ],
)
def test_reading_the_environment_is_noted_apart(source: str) -> None:
    found = examine({"m": ("m.py", source)})
    assert found.harms == ()
    assert [harm.what for harm in found.environment] == ["uses environment variables"]


def test_imports_are_listed_in_order() -> None:
    source = textwrap.dedent("""
        import a.b
        try:
            from c import d
        except ImportError:
            import e as f
        def g():
            import h
    """)
    assert examine({"m": ("m.py", source)}).imports == ("a.b", "c", "c.d", "e")
