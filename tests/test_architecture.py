"""The layout rules that no linter checks."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
MODULES = sorted(SRC.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
MAX_LINES = 500
MAX_FUNCTION_LINES = 50
# Written out on purpose, with a benchmark that shows what it buys; said on the line of its def.
MAX_HOT_LINES = 90
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def dotted(path):
    """Return the parts of a module's name: src/a/_b.py -> ("a", "_b")."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def name_of(path):
    """Return what pytest prints for a module."""
    return ".".join(dotted(path)) if path.is_relative_to(SRC) else path.stem


def tree_of(path):
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """Yield the parts of every name that *path* imports, at any depth."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((*node.module.split("."), name.name) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (tuple(name.name.split(".")) for name in node.names)


def is_private(part):
    """Tell _core from __init__."""
    return part.startswith("_") and not part.startswith("__")


def code_lines(function):
    """Count the lines of a function without its docstring."""
    last = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return last
    docstring = function.body[0]
    return last - (docstring.end_lineno - docstring.lineno + 1)


def is_sleep(call):
    """Tell ``sleep(1)`` from ``sleep(0)``, which lets others run and waits for nothing."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    gives_way = [getattr(argument, "value", None) for argument in call.args] == [0]
    return name == "sleep" and not gives_way


def is_broad(handler):
    """Tell whether an ``except`` catches everything."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {node.id for node in caught if isinstance(node, ast.Name)}
    return handler.type is None or bool(names & {"Exception", "BaseException"})


def hides(handler, lines):
    """Tell whether a handler drops an error without raising, reporting, using or explaining it."""
    reports = {"swallow", "warn_once", "say", "set_exception"}
    for node in ast.walk(ast.Module(handler.body, [])):
        if isinstance(node, ast.Raise) or (
            isinstance(node, ast.Name) and node.id == (handler.name or "")
        ):
            return False
        called = getattr(node, "func", None)
        name = getattr(called, "attr", getattr(called, "id", ""))
        if name in reports or name.startswith(("_raise", "_warn")):
            return False
    return not any("#" in line for line in lines[handler.lineno - 1 : handler.lineno + 1])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_下線で始まるモジュールは自分のパッケージの中だけで使われる(path):
    """A name with a leading underscore is imported only below its parent."""
    for target in imported(path):
        if target[0] == "testpilot_obs":
            for depth, part in enumerate(target):
                if is_private(part):
                    assert target[:depth] == dotted(path)[:depth], ".".join(target)


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_ファイルは読める長さである(path):
    """No module is longer than MAX_LINES."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_関数は一目で読める長さである(path):
    """No function has more than MAX_FUNCTION_LINES lines besides its docstring, but hot ones."""
    lines = path.read_text(encoding="utf-8").splitlines()
    long = [
        node.name
        for node in ast.walk(tree_of(path))
        if isinstance(node, FUNCTIONS)
        and code_lines(node)
        > (MAX_HOT_LINES if "# hot path" in lines[node.lineno - 1] else MAX_FUNCTION_LINES)
    ]

    assert long == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_すべてを捕まえる例外処理は黙らない(path):
    """A broad ``except`` raises again, tells `diagnostics`, or says in a comment why not."""
    lines = path.read_text(encoding="utf-8").splitlines()
    handlers = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ExceptHandler))

    assert [h.lineno for h in handlers if is_broad(h) and hides(h, lines)] == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=name_of)
def test_パッケージの入口は名前を渡すだけである(path):
    """An ``__init__.py`` holds a docstring, imports and ``__all__``; the front door may be lazy."""
    allowed = {"__all__", "__version__"} | (
        {"__getattr__", "__dir__", "_LATER"} if len(dotted(path)) == 1 else set()
    )
    for node in tree_of(path).body[1:]:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            assert node.name in allowed
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            assert target.id in allowed
        else:
            assert isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr, ast.If))


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_試験の名前は日本語である(path):
    """Each test's name says subject and behaviour in Japanese."""
    functions = (node for node in ast.walk(tree_of(path)) if isinstance(node, FUNCTIONS))
    tests = [f.name for f in functions if f.name.startswith("test_")]

    assert [name for name in tests if not JAPANESE.search(name)] == []


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_試験は眠らない(path):
    """A test waits for something with a deadline, never for time to pass."""
    calls = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))

    assert [call.lineno for call in calls if is_sleep(call)] == []
