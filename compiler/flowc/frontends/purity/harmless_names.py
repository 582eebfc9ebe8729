"""Calls that are harmless during an import, so that the processes of tasks can share the imported modules.

A harmless call has the same result in every process and changes nothing outside the process's memory. Calls that are
not listed here are treated as harmful. `NAME.*` stands for all names that begin with `NAME.`.
"""

from __future__ import annotations

BUILTINS = frozenset({
    "abs", "all", "any", "bin", "bool", "bytearray", "bytes", "callable", "chr", "classmethod", "complex", "dict",
    "dir", "divmod", "enumerate", "filter", "float", "format", "frozenset", "getattr", "globals", "hasattr", "hash",
    "hex", "id", "int", "isinstance", "issubclass", "iter", "len", "list", "locals", "map", "max", "memoryview", "min",
    "next", "object", "oct", "ord", "pow", "property", "range", "repr", "reversed", "round", "set", "setattr", "slice",
    "sorted", "staticmethod", "str", "sum", "super", "tuple", "type", "vars", "zip",
})  # fmt: skip

# Harmless methods of plain values: strings, numbers, containers, paths, regular expressions, loggers.
METHODS = frozenset({
    "absolute", "as_async_pipeline", "as_pipeline", "add", "add_argument", "add_argument_group",
    "add_mutually_exclusive_group", "addFilter", "addHandler", "appendleft", "append", "as_integer_ratio", "as_posix",
    "as_uri", "bit_length", "capitalize", "casefold", "center", "clear", "copy", "count", "decode", "difference",
    "discard", "elements", "encode", "endswith", "expanduser", "expandtabs", "extend", "extendleft", "find", "format",
    "format_map", "fromkeys", "get", "group", "groupdict", "groups", "hex", "index", "insert", "intersection",
    "is_absolute", "is_relative_to", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isdisjoint",
    "isidentifier", "islower", "isnumeric", "isoformat", "isspace", "issubset", "issuperset", "istitle", "isupper",
    "items", "join", "joinpath", "keys", "ljust", "lower", "lstrip", "match", "most_common", "partition", "pop",
    "popitem", "popleft", "relative_to", "remove", "removeprefix", "removesuffix", "replace", "resolve", "reverse",
    "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "setFormatter", "setLevel", "setdefault",
    "safe_substitute", "sort", "split", "splitlines", "startswith", "strftime", "strip", "sub", "substitute",
    "swapcase", "symmetric_difference", "timetuple", "title", "total_seconds", "translate", "union", "update", "upper",
    "values", "with_name", "with_stem", "with_suffix", "zfill",
})  # fmt: skip

CALLS = frozenset({
    # Python's standard library
    "__future__.*", "abc.*", "argparse.ArgumentParser", "argparse.Namespace", "ast.literal_eval", "base64.*",
    "bisect.*", "calendar.*", "collections.*", "contextlib.*", "contextvars.ContextVar", "copy.*", "dataclasses.*",
    "datetime.date", "datetime.datetime", "datetime.datetime.fromisoformat", "datetime.datetime.strptime",
    "datetime.date.fromisoformat", "datetime.time", "datetime.timedelta", "datetime.timezone", "decimal.*", "enum.*",
    "fractions.*", "functools.*", "hashlib.*", "heapq.*", "importlib.import_module", "importlib.metadata.version",
    "importlib.util.find_spec", "inspect.*", "itertools.*", "json.dumps", "json.loads", "keyword.*",
    "locale.getlocale", "logging.Formatter", "logging.NullHandler", "logging.StreamHandler", "logging.addLevelName",
    "logging.captureWarnings", "logging.disable", "logging.getLogger", "math.*", "numbers.*", "operator.*",
    "os.cpu_count", "os.fspath", "os.getcwd", "os.path.abspath", "os.path.basename", "os.path.commonpath",
    "os.path.commonprefix", "os.path.dirname", "os.path.isabs", "os.path.join", "os.path.normcase", "os.path.normpath",
    "os.path.realpath", "os.path.relpath", "os.path.split", "os.path.splitdrive", "os.path.splitext", "pathlib.Path",
    "pathlib.Path.cwd", "pathlib.PosixPath", "pathlib.PurePath", "pathlib.PurePosixPath", "platform.*",
    "pprint.pformat", "queue.LifoQueue", "queue.PriorityQueue", "queue.Queue", "queue.SimpleQueue", "re.*", "shlex.*",
    "socket.setdefaulttimeout", "multiprocessing.cpu_count", "multiprocessing.set_start_method", "statistics.*",
    "string.*", "struct.*", "sys.getdefaultencoding", "sys.getrecursionlimit", "sys.getsizeof", "sys.intern",
    "sys.path.append", "sys.path.extend", "sys.path.insert", "sys.path.remove", "sys.setrecursionlimit", "textwrap.*",
    "threading.BoundedSemaphore", "threading.Condition", "threading.Event", "threading.Lock", "threading.RLock",
    "threading.Semaphore", "threading.local", "types.*", "typing.*", "typing_extensions.*", "unicodedata.*",
    "urllib.parse.*", "warnings.*", "weakref.WeakKeyDictionary", "weakref.WeakSet", "weakref.WeakValueDictionary",
    "weakref.ref", "zoneinfo.*",
    # flowc's and Metaflow's
    "flowc.pipeline.*",
    "flowc.steps.cache", "metaflow.Config", "metaflow.FlowSpec", "metaflow.IncludeFile", "metaflow.JSONType",
    "metaflow.Parameter", "metaflow.card", "metaflow.cards.*", "metaflow.catch", "metaflow.conda",
    "metaflow.conda_base", "metaflow.config_expr", "metaflow.environment", "metaflow.exit_hook", "metaflow.kubernetes",
    "metaflow.parallel", "metaflow.project", "metaflow.pypi", "metaflow.pypi_base", "metaflow.pytorch_parallel",
    "metaflow.resources", "metaflow.retry", "metaflow.schedule", "metaflow.secrets", "metaflow.step",
    "metaflow.timeout", "metaflow.trigger", "metaflow.trigger_on_finish", "metaflow.unbounded_test_foreach_internal",
    "metaflow.parameters.*",
    "metaflow.decorators.*", "metaflow.includefile.*", "metaflow.user_configs.*",
    # Calls of well-known packages that make values or declarations, or change settings
    "attr.*", "attrs.*", "click.Choice", "click.IntRange", "click.FloatRange", "click.Path", "matplotlib.pyplot.rc",
    "matplotlib.pyplot.style.use", "matplotlib.style.use", "matplotlib.rc", "matplotlib.rcParams.update",
    "matplotlib.pyplot.rcParams.update", "matplotlib.use", "numba.jit", "numba.njit", "numba.vectorize", "numpy.abs",
    "numpy.array", "numpy.arange", "numpy.asarray", "numpy.concatenate", "numpy.cos", "numpy.dtype", "numpy.empty",
    "numpy.exp", "numpy.eye", "numpy.finfo", "numpy.float32", "numpy.float64", "numpy.full", "numpy.geomspace",
    "numpy.iinfo", "numpy.int32", "numpy.int64", "numpy.linspace", "numpy.log", "numpy.logspace", "numpy.max",
    "numpy.mean", "numpy.meshgrid", "numpy.min", "numpy.ones", "numpy.set_printoptions", "numpy.round", "numpy.seterr",
    "numpy.sin", "numpy.sqrt", "numpy.stack", "numpy.sum", "numpy.vectorize", "numpy.zeros", "packaging.version.*",
    "pandas.CategoricalDtype", "pandas.DataFrame", "pandas.DateOffset", "pandas.Series", "pandas.Timedelta",
    "pandas.Timestamp", "pandas.options.*", "pandas.set_option", "pandas.to_datetime", "pydantic.*",
    "pydantic_settings.SettingsConfigDict", "pytest.fixture", "pytest.mark.*", "seaborn.color_palette", "seaborn.set",
    "seaborn.set_context", "seaborn.set_palette", "seaborn.set_style", "seaborn.set_theme", "sklearn.cluster.*",
    "sklearn.compose.*", "sklearn.decomposition.*", "sklearn.dummy.*", "sklearn.ensemble.*",
    "sklearn.feature_extraction.*", "sklearn.feature_selection.*", "sklearn.impute.*", "sklearn.linear_model.*",
    "sklearn.model_selection.GridSearchCV", "sklearn.model_selection.GroupKFold", "sklearn.model_selection.KFold",
    "sklearn.model_selection.RandomizedSearchCV", "sklearn.model_selection.StratifiedKFold",
    "sklearn.model_selection.TimeSeriesSplit", "sklearn.naive_bayes.*", "sklearn.neighbors.*",
    "sklearn.neural_network.*", "sklearn.pipeline.*", "sklearn.preprocessing.*", "sklearn.set_config", "sklearn.svm.*",
    "sklearn.tree.*", "sqlalchemy.Column", "sqlalchemy.ForeignKey", "sqlalchemy.MetaData", "sqlalchemy.Table",
    "sqlalchemy.text", "tenacity.*", "torch.device", "torch.no_grad", "torch.inference_mode",
    "torch.set_default_dtype", "torch.set_float32_matmul_precision", "torch.set_num_threads", "torch.tensor",
    "tqdm.auto.tqdm.pandas", "tqdm.tqdm.pandas", "urllib3.disable_warnings",
})  # fmt: skip

# Generators of random numbers are harmless only with a seed: then every process gets the same numbers.
SEEDED = frozenset({
    "numpy.random.RandomState", "numpy.random.SeedSequence", "numpy.random.default_rng", "numpy.random.seed",
    "random.Random", "random.seed", "torch.manual_seed",
})  # fmt: skip

# Name → arguments; the call is harmless only without these arguments.
EXCEPT_WITH = {"logging.basicConfig": frozenset({"filename"})}

# Functions (and, below, methods) that call one of their arguments; the call of the argument is examined, too.
CALLING_FIRST = frozenset({
    "builtins.filter", "builtins.iter", "builtins.map", "collections.defaultdict", "functools.reduce",
    "itertools.dropwhile", "itertools.filterfalse", "itertools.starmap", "itertools.takewhile",
})  # fmt: skip
METHODS_CALLING = frozenset({"sort", "sub"})

# Each of these functions creates a class, and calling the created class is harmless too.
CLASS_MAKERS = frozenset({"collections.namedtuple", "enum.Enum", "typing.NamedTuple", "typing.NewType"})

# These functions store or return the functions that are passed to them, without calling them.
KEEPING = (
    "abc", "attr", "attrs", "builtins.callable", "builtins.classmethod", "builtins.dict", "builtins.getattr",
    "builtins.hasattr", "builtins.id", "builtins.isinstance", "builtins.issubclass", "builtins.list",
    "builtins.property", "builtins.repr", "builtins.setattr", "builtins.staticmethod", "builtins.tuple",
    "builtins.type", "builtins.zip", "click", "contextlib", "copy", "dataclasses", "enum", "flowc.pipeline",
    "functools.cache", "functools.cached_property", "functools.lru_cache", "functools.partial",
    "functools.partialmethod", "functools.singledispatch", "functools.update_wrapper", "functools.wraps", "inspect",
    "numba", "pydantic", "pytest", "sklearn", "tenacity", "types", "typing", "typing_extensions", "weakref",
)  # fmt: skip

# These functions return a decorator that wraps a function without calling it.
DECORATOR_MAKERS = (
    "attr", "attrs", "click", "contextlib", "dataclasses.dataclass", "functools.lru_cache", "functools.wraps",
    "metaflow", "flowc.steps.cache", "numba", "pydantic", "pytest", "tenacity", "typing", "typing_extensions",
)  # fmt: skip

# Strings that pandas converts to the current time: a call with one of them is harmful.
NOW = ("now", "today")

# These functions read or set environment variables. A call of one of them is harmful only if a step has its own
# environment variables.
ENVIRONMENT = (
    "dotenv.dotenv_values", "dotenv.find_dotenv", "dotenv.load_dotenv", "dotenv.main.load_dotenv", "environ.Env",
    "locale.setlocale", "os.environ", "os.environb", "os.getenv", "os.getenvb", "os.path.expanduser",
    "os.path.expandvars", "os.putenv", "os.unsetenv", "pathlib.Path.home", "pydantic.BaseSettings",
    "pydantic_settings.BaseSettings",
)  # fmt: skip


def is_below(name: str, names: tuple[str, ...]) -> bool:
    """Return whether a dotted name equals one of these names, or begins with one of them and a dot."""
    return any(name == each or name.startswith(f"{each}.") for each in names)


def is_listed(name: str) -> bool:
    """Return whether a call of this dotted name is harmless with any arguments."""
    if name in CALLS:
        return True
    while name:
        name = name.rpartition(".")[0]
        if f"{name}.*" in CALLS:
            return True
    return False
