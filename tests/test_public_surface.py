"""The names that people may use: what is promised is there, and nothing else.

A change of a list here is a change of the product: it belongs in the changelog.
"""

import importlib
import importlib.metadata
import pkgutil
import types

import pytest

import testpilot_obs

FRONT_DOOR = """
    Handle Transaction TransactionRecord __version__ bind bound counted current_span
    current_transaction extract flush get_audit_logger get_logger inflight init inject
    is_initialized log_level metrics monitored on_transaction_end set_log_level set_user shutdown
    span start_transaction timed trace_id traced transaction wrap
"""
ERRORS = """
    ConfigError DuplicateMetricError InvalidStatusError MetricError MissingExtraError ObsError
    Problem
"""
ROOMS = [
    f"testpilot_obs.{module.name}"
    for module in pkgutil.iter_modules(testpilot_obs.__path__)
    if module.ispkg and not module.name.startswith("_")
]


def public_names(module):
    """Return the names that a module shows, submodules left out."""
    return {
        name
        for name in dir(module)
        if not name.startswith("_") and not isinstance(getattr(module, name), types.ModuleType)
    }


def test_入口の名前は決めたとおりである():
    """The front door has exactly these names."""
    assert sorted(testpilot_obs.__all__) == sorted(FRONT_DOOR.split())


@pytest.mark.parametrize("name", FRONT_DOOR.split())
def test_入口の名前はすべて使える(name):
    """Each promised name is there, however late it is loaded."""
    assert getattr(testpilot_obs, name) is not None


def test_入口はない名前を断る():
    """A name that does not exist is refused as by any module."""
    with pytest.raises(AttributeError, match="no attribute 'conjure'"):
        testpilot_obs.conjure  # noqa: B018


def test_dirは約束した名前を並べる():
    """Completion in a shell offers what is promised, also before it is loaded."""
    assert dir(testpilot_obs) == sorted(testpilot_obs.__all__)


def test_版は配布物の版と同じである():
    """The version in the code is that of the distribution."""
    assert testpilot_obs.__version__ == importlib.metadata.version("testpilot-obs")


@pytest.mark.parametrize("room", ROOMS)
def test_部屋の入口はallと一致する(room):
    """Each name in a room's ``__all__`` is there, and nothing public is missing from it."""
    module = importlib.import_module(room)
    shown = {name for name in module.__all__ if not name.startswith("_")}

    assert {name for name in shown if not hasattr(module, name)} == set()
    assert public_names(module) <= shown


def test_例外は決めたとおりである():
    """The exceptions are these, and each is a built-in error that people already catch."""
    from testpilot_obs import errors

    ours = {n for n in public_names(errors) if getattr(errors, n).__module__ == errors.__name__}

    assert ours == set(ERRORS.split())


@pytest.mark.parametrize("name", sorted(testpilot_obs.__all__))
def test_公開された名前には説明がある(name):
    """Each public class and function has a docstring with a first line that is a sentence."""
    thing = getattr(testpilot_obs, name)
    if callable(thing) or isinstance(thing, types.ModuleType):
        assert thing.__doc__.strip().splitlines()[0].rstrip().endswith((".", ":"))
