"""Whether importing a user's module has no side effects, found by analysing its syntax tree."""

from __future__ import annotations

import sys
import textwrap

import pytest

from flowc.frontends.purity.examination import examine

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
    "an import by name": "import importlib\nJSON = importlib.import_module('json')",
    "a class as a decorator": "class D:\n    def __init__(self, f): self.f = f\n    def __call__(self, *a): return open(*a)\n@D\ndef g(): pass",
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
    "a class as a decorator": ("class D:\n    def __init__(self, f): self.f = f\n    def __call__(self, *a): return open(*a)\n@D\ndef g(): pass\nX = g('x')",
                               ["3 calls builtins.open"]),
    "an object that is called": ("class A:\n    def __call__(self): return open('x')\nX = A()()", ["2 calls builtins.open"]),
    "a method of a base of a library": ("class A(dict):\n    def __init__(self): super().connect()\nX = A()", ["2 calls super().connect"]),
    "a parser by its name": ("from metaflow import Config\nC = Config('c', default='x', parser='mod.f')",
                             ["2 names a parser, which runs before the import is done"]),
    "an import by a computed name": ("import importlib, sys\nX = importlib.import_module(sys.argv[0])", ["2 calls importlib.import_module"]),
    "a seed that an attribute may change": ("import random\nSEED = 7\nclass C: pass\nC.SEED = None\nR = random.Random(SEED)",
                                            ["5 calls random.Random"]),
    "a seed that a pattern may change": ("import random\nSEED = 7\nmatch {}:\n    case {**SEED}: pass\nR = random.Random(SEED)",
                                         ["5 calls random.Random"]),
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


# Statements at the top of a module that have side effects indirectly, one of each kind.
CALLED_IN_TURN = {
    'ne main': "import uuid\nif __name__ != '__main__':\n    X = uuid.uuid4()",
    'not main': "import uuid\nif not __name__ == '__main__':\n    X = uuid.uuid4()",
    'lambda default': 'import uuid\nf = lambda x=uuid.uuid4(): x',
    'inherited init': "class A:\n    def __init__(self): open('x')\nclass B(A): pass\nX = B()",
    'third party base': 'import requests\nclass C(requests.Session): pass\nX = C()',
    'thread base': 'import threading\nclass C(threading.Thread):\n    def __init__(self):\n        super().__init__()\nX = C()',
    'default_factory': 'import uuid\nfrom dataclasses import dataclass, field\n@dataclass\nclass P:\n    k: str = field(default_factory=lambda: uuid.uuid4().hex)\nX = P()',
    'default_factory2': 'import uuid\nfrom dataclasses import dataclass, field\n@dataclass\nclass P:\n    k: str = field(default_factory=uuid.uuid4)\nX = P()',
    'pydantic factory': 'import uuid\nfrom pydantic import BaseModel, Field\nclass P(BaseModel):\n    k: str = Field(default_factory=uuid.uuid4)\nX = P()',
    'map': 'import uuid\nX = list(map(lambda i: uuid.uuid4(), range(3)))',
    'map fn': "X = list(map(open, ['x']))",
    'sorted key': 'import random\ndef k(x): return random.random()\nX = sorted([1,2], key=k)',
    'defaultdict': "import uuid, collections\nD = collections.defaultdict(uuid.uuid4)\nX = D['a']",
    'partial': "import functools\nX = functools.partial(open, 'x')()",
    'getattr': "import uuid\nX = getattr(uuid, 'uuid4')()",
    'closure': "def make():\n    def inner(): return open('x')\n    return inner\nX = make()()",
    'wrapper': "def deco(f):\n    def inner(*a):\n        open('x')\n        return f(*a)\n    return inner\n@deco\ndef g(): pass\nX = g()",
    'local import': "def f():\n    import requests\n    return requests.get('u')\nX = f()",
    'local import as': "def f():\n    import requests as r\n    return r.get('u')\nX = f()",
    'alias': "import requests\nr = requests\nX = r.get('u')",
    'alias obj': "from lib import client as c\nk = c\nX = k.get('u')",
    'property': "class A:\n    @property\n    def x(self): return open('x')\na = A()\nX = a.x",
    'call': "class A:\n    def __call__(self): return open('x')\na = A()\nX = a()",
    'add': "class A:\n    def __add__(self, o): return open('x')\nX = A() + 1",
    'getitem': "class A:\n    def __getitem__(self, o): return open('x')\nX = A()[1]",
    'iter': "class A:\n    def __iter__(self): return open('x')\nfor x in A(): pass",
    'grandparent hook': "class A:\n    def __init_subclass__(cls): open('x')\nclass B(A): pass\nclass C(B): pass",
    'set_name': "class D:\n    def __set_name__(self, o, n): open('x')\nclass C:\n    d = D()",
    'match guard': "match 1:\n    case x if open('x'):\n        pass",
    'path replace': "from pathlib import Path\nPath('a').replace('b')",
    'import_module': "import importlib\nX = importlib.import_module('requests').get('u')",
    'enum member': 'import uuid, enum\nclass E(enum.Enum):\n    A = uuid.uuid4()',
    'star': 'from uuid import *\nX = uuid4()',
    'star open': "from os import *\nX = open('x', 0)",
    'register': "class R:\n    def register(self, f):\n        open('x')\n        return f\nr = R()\n@r.register\ndef g(): pass",
    'seed name': 'import random\nfrom time import time\nT = None\nR = random.Random(T)',
    'seed none': 'import random, numpy as np\nR = random.Random(None)\nG = np.random.default_rng(None)',
    'seed None kw': 'import numpy as np\nG = np.random.default_rng(seed=None)',
    'seed of a module, in a function': 'import random\nSEED = None\ndef make():\n    return random.Random(SEED)\nR = make()',
    'seed of a module, in a lambda': 'import random\nSEED = None\nR = list(map(lambda x: random.Random(SEED), [1]))',
    'seed of a module, set later': 'import random\nS = 1\ndef f():\n    global S\n    S = None\nf()\nR = random.Random(S)',
    'seed of a default': 'import random\ndef make(seed=None):\n    return random.Random(seed)\nR = make()',
    'seed of an argument': 'import random\ndef make(seed):\n    return random.Random(seed)\nR = make(None)',
    'seed of a constructor': 'import random\nclass A:\n    def __init__(self, seed=None):\n        self.r = random.Random(seed)\nR = A()',
    'seed of another name': 'import random\nA = None\nB = A\nR = random.Random(B)',
    'seed of the environment': "import random, os\nR = random.Random(os.environ.get('SEED'))\nS = os.getenv('S')\nT = random.Random(S)",
    'seed of a condition': 'import random, sys\nS = 1 if sys.argv else None\nR = random.Random(S)',
    'seed of an import': 'import random\ntry:\n    from conf import S\nexcept ImportError:\n    S = 1\nR = random.Random(S)',
    'seed of a loop': 'import random\nfor S in (1, None):\n    R = random.Random(S)',
    'np dataframe': "import pandas as pd\nD = pd.read_csv('x')",
    'locals': "import uuid\nD = {'a': uuid.uuid4}\nX = D['a']()",
    'comprehension call': 'import uuid\nX = [f() for f in (uuid.uuid4,)]',
    'method alias': "class A:\n    def go(self): return open('x')\nX = A().go()",
    'inherit method': "class A:\n    def get(self): return self._load()\n    def _load(self): return open('x')\nX = A().get()",
    'staticmethod': "class A:\n    @staticmethod\n    def get(): return open('x')\nX = A.get()",
    'classmethod': "class A:\n    @classmethod\n    def make(cls): return open('x')\nX = A.make()",
    'cls()': "class A:\n    def __init__(self): open('x')\n    @classmethod\n    def get(cls): return cls()\nX = A.get()",
    'sort key': 'import random\nx=[1]\nx.sort(key=lambda a: random.random())',
    'sub fn': "import re, uuid\nX = re.sub('a', lambda m: uuid.uuid4().hex, 'aaa')",
    'json default': 'import json, uuid\nX = json.dumps({}, default=lambda o: uuid.uuid4().hex)',
    'Thread in class body': 'import threading\nclass A:\n    t = threading.Thread()\n',
    'walrus': 'import uuid\nif (x := uuid.uuid4()): pass',
    'type()': "import uuid\nX = type('A', (uuid.UUID,), {})()",
    'date today': 'from datetime import date\nX = date.today().isoformat()',
    'timestamp now': "import pandas as pd\nX = pd.Timestamp.now()\nY = pd.Timestamp('now')",
    'datetime in default': "import datetime\nfrom metaflow import Parameter, FlowSpec\nclass F(FlowSpec):\n    d = Parameter('d', default=datetime.datetime.now().isoformat())",
    'logging dictConfig': "import logging.config\nlogging.config.dictConfig({'handlers': {'f': {'class':'logging.FileHandler','filename':'x'}}})",
    'global fn': 'import uuid\nK = None\ndef setup():\n    global K\n    K = uuid.uuid4()\nsetup()',
    'argparse': 'import argparse\np = argparse.ArgumentParser()\na = p.parse_args()',
    'next gen': 'import uuid\ndef g():\n    yield uuid.uuid4()\nX = next(g())',
    'attr.*': 'import attr, uuid\n@attr.s\nclass A:\n    x = attr.ib(factory=uuid.uuid4)\nX = A()',
    'deepcopy': "import copy\nclass A:\n    def __deepcopy__(self, m): open('x')\nX = copy.deepcopy(A())",
    'os.path.exists': "import os\nX = os.path.exists('flag')",
    'dynamic subclass': "import enum, uuid\nE = enum.Enum('E', {'a': uuid.uuid4()})",
    'singledispatch': "import functools\n@functools.singledispatch\ndef f(x): return open('x')\nX = f(1)",
    'contextmanager': "import contextlib\n@contextlib.contextmanager\ndef f():\n    open('x')\n    yield\nwith f(): pass",
    'ExitStack': "import contextlib\nS = contextlib.ExitStack()\nS.callback(open, 'x')\nS.close()",
    'post_init inherited': "from dataclasses import dataclass\nclass A:\n    def __post_init__(self): open('x')\n@dataclass\nclass B(A):\n    x: int = 1\nX = B()",
    'nested class': "class A:\n    class B:\n        def __init__(self): open('x')\n    b = B()",
    'nested class2': "class A:\n    class B:\n        def __init__(self): open('x')\nX = A.B()",
    'fn local class': "def f():\n    class B:\n        def __init__(self): open('x')\n    return B()\nX = f()",
    'redefinition': 'import uuid\ndef f(): return uuid.uuid4()\nX = f()\ndef f(): return 1',
    'redef cond': 'import uuid\ntry:\n    def f(): return uuid.uuid4()\nexcept Exception:\n    def f(): return 1\nX = f()',
    'shadow builtin': "from os import open as len\nX = len('x', 0)",
    'shadow by param': 'def f(list): return list()\nimport uuid\nX = f(uuid.uuid4)',
    'seeded arg': 'import numpy as np, time\nR = np.random.default_rng(int(time.time()))',
    'torch': 'import torch\nX = torch.rand(3)',
    'np.random': 'import numpy as np\nX = np.random.rand(3)',
    'rng draws': 'import numpy as np\nR = np.random.default_rng(1)\nX = R.random(3)',
    'alias in function': "import requests\nr = requests\ndef f(): return r.get('u')\nX = f()",
    'an import that may be None': "try:\n    import requests\nexcept ImportError:\n    requests = None\nX = requests.get('u')",
}  # fmt: skip

# Statements that are common at the top of flows' files.
USUAL = {
    'argparse': "import argparse\nparser = argparse.ArgumentParser(description='x')\nparser.add_argument('--n', type=int, default=3)\n",
    'dotenv': "import os\nfrom dotenv import load_dotenv\nload_dotenv()\nKEY = os.getenv('API_KEY', '')\n",
    'logging': "import logging, sys\nlogging.basicConfig(level=logging.INFO, stream=sys.stdout, format='%(message)s')\nlogging.getLogger('urllib3').setLevel(logging.WARNING)\nlogger = logging.getLogger(__name__)\n",
    'logging2': "import logging, sys\nlogger = logging.getLogger(__name__)\nhandler = logging.StreamHandler(sys.stdout)\nhandler.setFormatter(logging.Formatter('%(asctime)s'))\nlogger.addHandler(handler)\nlogger.propagate = False\n",
    'constants': "N = 10\nCOLS = ['a'] + ['b']*3\nGRID = {k: v for k, v in zip('ab', range(2))}\nVER = tuple(int(x) for x in '1.2'.split('.'))\n",
    'pandas': "import pandas as pd\npd.options.display.max_rows = 10\npd.set_option('display.width', 200)\nDTYPES = {'a': pd.CategoricalDtype(['x','y'])}\nEMPTY = pd.DataFrame(columns=['a'])\n",
    'enum': "from enum import Enum, auto, StrEnum\nclass S(str, Enum):\n    A='a'\n    @classmethod\n    def names(cls): return [m.value for m in cls]\nNAMES = S.names()\nclass K(StrEnum):\n    X = auto()\n",
    'alias': "from typing import Dict, TypeAlias, NewType\nRow: TypeAlias = Dict[str, float]\nUid = NewType('Uid', int)\n",
    'plot': "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nimport seaborn as sns\nsns.set_theme(style='whitegrid')\nplt.rcParams['figure.figsize'] = (8, 4)\nplt.rcParams.update({'font.size': 9})\nplt.style.use('ggplot')\nPAL = sns.color_palette('deep')\n",
    'warn': "import warnings\nfrom sklearn.exceptions import ConvergenceWarning\nwarnings.filterwarnings('ignore', category=ConvergenceWarning)\nwarnings.simplefilter('ignore')\n",
    'sklearn': "from sklearn.pipeline import Pipeline, make_pipeline\nfrom sklearn.preprocessing import StandardScaler, OneHotEncoder\nfrom sklearn.compose import ColumnTransformer\nfrom sklearn.linear_model import LogisticRegression\nPIPE = Pipeline([('s', StandardScaler()), ('m', LogisticRegression(max_iter=500))])\nPRE = ColumnTransformer([('n', StandardScaler(), ['a'])], remainder='drop')\nMODELS = {'lr': make_pipeline(StandardScaler(), LogisticRegression())}\n",
    'sql': "import textwrap\nfrom string import Template\nSQL = textwrap.dedent('''select 1''').strip()\nT = Template('select $a')\nQ = T.substitute(a=1)\n",
    'dataclass': "from dataclasses import dataclass, field, asdict, replace\n@dataclass\nclass P:\n    x: int = 1\n    ys: list = field(default_factory=list)\n    def __post_init__(self):\n        self.z = self.x * 2\n        if self.x < 0: raise ValueError('x')\nBASE = P()\nBIG = replace(BASE, x=10)\nD = asdict(BASE)\n",
    'cache': "import functools\n@functools.cache\ndef load(): return open('x')\n@functools.lru_cache(maxsize=None)\ndef load2(n): return open('x')\n@functools.lru_cache\ndef f(x): return x\nX = f(1)\n",
    'device2': "import torch\ndevice = torch.device('cpu')\ntorch.manual_seed(0)\ntorch.set_num_threads(1)\ntorch.backends.cudnn.benchmark = True\n",
    'path': "import os\nfrom pathlib import Path\nDATA_DIR = Path(os.getenv('DATA', '.')).resolve()\nHERE = Path(__file__).resolve().parent\nSRC = Path(os.path.dirname(os.path.abspath(__file__))) / 'src'\n",
    'version': "import importlib.metadata\ntry:\n    __version__ = importlib.metadata.version('numpy')\nexcept importlib.metadata.PackageNotFoundError:\n    __version__ = '0'\n",
    'tqdm': 'from tqdm import tqdm\nimport pandas as pd\ntqdm.pandas()\npd.options.mode.chained_assignment = None\n',
    'tqdm2': "from tqdm.auto import tqdm\ntqdm.pandas(desc='x')\n",
    'class': "class Base:\n    def __init__(self, name):\n        super().__init__()\n        self.name = name\n        self._setup()\n    def _setup(self):\n        self.items = []\n    def describe(self): return f'{self.name}'\nclass Child(Base):\n    def __init__(self):\n        super().__init__('child')\nC = Child()\nREG = {}\ndef register(name):\n    def deco(f):\n        REG[name] = f\n        return f\n    return deco\n@register('a')\ndef fa(x): return open(x)\nX = C.describe()\n",
    'exc': "class MyError(Exception):\n    def __init__(self, msg):\n        super().__init__(msg)\n        self.msg = msg\nE = MyError('x')\n",
    'rng': 'import numpy as np, random\nSEED = 42\nrandom.seed(SEED)\nnp.random.seed(SEED)\nRNG = np.random.default_rng(SEED)\nRS = np.random.RandomState(seed=SEED)\nW = np.array([1,2]) / np.sum([1,2])\nX = np.meshgrid([1],[2])\n',
    'syspath': "import sys, os\nsys.path.append(os.path.dirname(os.path.abspath(__file__)))\nROOT = os.path.join(os.path.dirname(__file__), '..')\nif ROOT not in sys.path:\n    sys.path.insert(0, ROOT)\n",
    'deco flow': 'from functools import wraps\nimport time\ndef timed(f):\n    @wraps(f)\n    def inner(self, *a):\n        t = time.time()\n        r = f(self, *a)\n        print(time.time() - t)\n        return r\n    return inner\nclass A:\n    @timed\n    def go(self): pass\n',
    'sorted': "COLS = sorted({'a': 1}.items(), key=lambda kv: kv[1], reverse=True)\nBEST = max([(1,'a')], key=lambda t: t[0])\nL = list(map(str, range(3)))\n",
    'date': "from datetime import datetime, timedelta, date\nSTART = datetime(2024, 1, 1)\nEND = START + timedelta(days=30)\nS = START.strftime('%Y')\nDAYS = [START + timedelta(days=i) for i in range(3)]\n",
    'regexes': "import re\nPATS = [(re.compile(p, re.I), r) for p, r in {'a': 'b'}.items()]\n",
    'namedtuple': "from collections import namedtuple, Counter, OrderedDict, defaultdict\nP = namedtuple('P', 'x y')\nO = P(1, 2)\nC = Counter('aab').most_common(1)\nD = defaultdict(list)\nD['a'].append(1)\nclass Q(P):\n    def s(self): return self.x\nR = Q(1, 2)\n",
    'abc': 'from abc import ABC, abstractmethod\nclass B(ABC):\n    @abstractmethod\n    def f(self): ...\nclass C(B):\n    def f(self): return 1\nX = C().f()\n',
    'generic': "from typing import Generic, TypeVar, Protocol\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, x: T): self.x = x\nB = Box(1)\nB2 = Box[int](2)\n",
    'card imports': "from metaflow.cards import Markdown, Table\nT = Markdown('# hi')\n",
    'mutable': 'from collections.abc import Mapping\nclass FD(dict):\n    def __getattr__(self, k): return self[k]\nX = FD(a=1)\n',
    'typed': 'import typing as t\nclass D(t.TypedDict):\n    a: int\nX = D(a=1)\nclass N(t.NamedTuple):\n    a: int = 1\nY = N()\n',
    'attr': 'import attr\n@attr.s(auto_attribs=True)\nclass A:\n    x: int = 1\n    y: list = attr.ib(factory=list)\nX = A()\n',
    'torch module': 'import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.l = nn.Linear(1, 1)\n    def forward(self, x): return self.l(x)\n',
    'huggingface': "import os\nos.environ['TOKENIZERS_PARALLELISM'] = 'false'\nos.environ.setdefault('HF_HOME', '/tmp/hf')\nMODEL = 'bert-base'\n",
    'print ver': "import sys\nassert sys.version_info >= (3, 9), 'too old'\nif sys.platform == 'win32':\n    X = 1\n",
    'sns2': 'import seaborn\nseaborn.set()\n',
    'np.vectorize': 'import numpy as np\nf = np.vectorize(lambda x: x)\ngrid = np.stack([np.ones(3)]).T\nc = np.cos(np.pi)\nnp.random.default_rng(0)\n',
    'lambda consts': 'square = lambda x: x * x\nX = square(3)\nY = [square(i) for i in range(3)]\n',
    'decimal': "import decimal\ndecimal.getcontext().prec = 6\nX = decimal.Decimal('1')\n",
    'locale': "import locale\nlocale.setlocale(locale.LC_ALL, 'C')\n",
    'seeds': 'import random\nSEED: int = 3\nOTHER = -1\ndef make():\n    own = "a"\n    return random.Random(SEED), random.Random(own)\nR = make(), random.Random(OTHER)\n',
    'multiproc': "import multiprocessing as mp\nmp.set_start_method('spawn', force=True)\nN = mp.cpu_count()\n",
}  # fmt: skip


@pytest.mark.parametrize("name", CALLED_IN_TURN)
def test_what_is_called_in_turn_is_found(name: str) -> None:
    assert examine({"m": ("m.py", CALLED_IN_TURN[name])}).harms


@pytest.mark.skipif(sys.version_info < (3, 11), reason="except* came with Python 3.11")
def test_groups_of_exceptions_are_looked_at() -> None:
    source = "try:\n    X = 1\nexcept* OSError:\n    X = open('x')"
    assert [harm.line for harm in examine({"m": ("m.py", source)}).harms] == [4]


@pytest.mark.parametrize("name", USUAL)
def test_what_usually_stands_above_a_flow_is_harmless(name: str) -> None:
    assert examine({"m": ("m.py", USUAL[name])}).harms == ()


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


def test_functions_of_star_imports_are_examined() -> None:
    modules = {
        "m": ("m.py", "from helpers import *\nX = make()"),
        "helpers": ("helpers.py", "from deep import make"),
        "deep": ("deep.py", "def make(): return open('x')"),
    }
    assert [str(harm) for harm in examine(modules).harms] == ["deep.py:1 calls builtins.open"]


def test_calls_nested_too_deeply_are_a_harm() -> None:
    chain = "".join(f"def f{n}(): return f{n + 1}()\n" for n in range(3000))
    harms = examine({"m": ("m.py", f"{chain}def f3000(): pass\nX = f0()")}).harms
    assert [str(harm) for harm in harms] == ["m.py:3002 is nested too deeply to be examined"]


def test_modules_that_pass_on_each_other_s_names_are_a_harm() -> None:
    modules = {
        "m": ("m.py", "from a import make\nX = make()"),
        "a": ("a.py", "from b import make"),
        "b": ("b.py", "from a import make"),
    }
    assert [str(harm) for harm in examine(modules).harms] == ["m.py:2 is nested too deeply to be examined"]


@pytest.mark.parametrize("use", ["from conf import SEED\nR = Random(SEED)", "import conf\nR = Random(conf.SEED)"])
def test_a_seed_of_another_module_is_looked_up(use: str) -> None:
    modules = {"m": ("m.py", f"from random import Random\n{use}"), "conf": ("conf.py", "SEED = 3")}
    assert examine(modules).harms == ()
    modules["conf"] = ("conf.py", "SEED = None")
    assert [str(harm) for harm in examine(modules).harms] == ["m.py:3 calls random.Random"]


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
        "import os\nos.environ['X'] = '1'",
        "import os\ndel os.environ['X']",
        "from os import *\nX = environ['X']",
        "import os\nX = os.path.expandvars('$HOME/x')",
        "from pathlib import Path\nX = Path.home()",
        "from dotenv import load_dotenv\nload_dotenv()",
        "from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    a: int = 1\nX = S()",
    ],
)
def test_reading_the_environment_is_noted_apart(source: str) -> None:
    found = examine({"m": ("m.py", source)})
    assert found.harms == ()
    assert {harm.what for harm in found.environment} == {"uses environment variables"}


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
