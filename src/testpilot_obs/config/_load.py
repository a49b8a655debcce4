"""Load the settings: argument, environment, file, default, in this order of precedence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from testpilot_obs._core import diagnostics
from testpilot_obs.config import _env, _file, _suggest
from testpilot_obs.config._draft import ARGUMENT, ENVIRONMENT, HIDDEN, Draft
from testpilot_obs.config._schema import Config, finish, start_draft
from testpilot_obs.errors import ConfigError, Problem


class Examined(NamedTuple):
    """The settings, and what is wrong with where they are from."""

    config: Config
    problems: tuple[Problem, ...]
    """What was set and cannot be used."""
    unused: tuple[str, ...]
    """Variables that are set, and known, and change nothing here."""


def load(
    arguments: Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Config:
    """Return the settings for *arguments* in this environment.

    A value from the environment or a file that cannot be used is warned about and ignored.

    Args:
        arguments: Those of `init()`; ``None`` counts as not given.
        environ: Instead of the environment of the process.
        cwd: Where to look for ``pyproject.toml``, instead of the current directory.

    Raises:
        ConfigError: If an argument cannot be used or, with ``strict=True``, anything else; lists
            all problems from all sources.
    """
    found = examine(arguments, environ=environ, cwd=cwd)
    _report(found.problems, strict=found.config.strict)
    for variable in found.unused:
        diagnostics.warn_once(
            f"config:{variable}", "%s is set, but testpilot_obs does not use it", variable
        )
    return found.config


def examine(
    arguments: Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Examined:
    """Return what `load` would, and what it would raise or warn about."""
    environment = _env.snapshot(environ)
    draft = start_draft()
    _offer_file(draft, _file.read(environment.get(_env.CONFIG_FILE, ""), cwd))
    _offer_environment(draft, environment)
    draft.offer_all(arguments, source=ARGUMENT)
    config = finish(draft)
    unused = (
        variable
        for variable, harmless in _env.NOT_USED.items()
        if environment.get(variable, harmless).lower() != harmless
    )
    return Examined(config, tuple(draft.problems), tuple(unused))


def _offer_file(draft: Draft, found: _file.FileSettings) -> None:
    if found.trouble:
        draft.problems.append(
            Problem(_env.CONFIG_FILE, repr(found.path), found.path, found.trouble)
        )
    draft.offer_all(found.table, source=found.path)


def _offer_environment(draft: Draft, environment: Mapping[str, str]) -> None:
    for variable, name in _env.VARIABLES.items():
        if variable in environment:
            bare_s = _env.bare_s(variable)
            text = environment[variable]
            draft.offer(name, text, typed=variable, source=ENVIRONMENT, bare_s=bare_s)
    for variable, expected in _suggest.mistyped(environment):
        draft.problems.append(Problem(variable, HIDDEN, ENVIRONMENT, expected))


def _report(problems: Sequence[Problem], *, strict: bool) -> None:
    if problems and (strict or any(problem.source == ARGUMENT for problem in problems)):
        raise ConfigError(sorted(problems, key=lambda problem: problem.source != ARGUMENT))
    for problem in problems:
        diagnostics.warn_once(f"config:{problem}", "this setting is ignored: %s", problem)
