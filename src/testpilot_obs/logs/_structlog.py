"""The logger that `get_logger` returns, and structlog's own configuration.

The only module here that imports structlog; loaded by the first `get_logger`, or when the
application imports structlog after ``init()``.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import Any

import structlog
from structlog import BoundLoggerBase

from testpilot_obs._core.values import text
from testpilot_obs.logs import _levels
from testpilot_obs.logs._line import Origin, Processor, Written
from testpilot_obs.logs._pipeline import PROCESSORS, emit, state

_MAX_NAME = 256


class Logger(BoundLoggerBase):
    """A structlog logger: ``debug`` to ``critical``, ``bind``, async variants, ``%`` arguments.

    Its methods below the current level do nothing, as in structlog's filtering loggers, so that a
    call that is not wanted costs one empty function. Unlike there, the methods are exchanged when
    the level changes, for all loggers at once: those made before ``init()`` follow it.
    """

    _logger: Origin
    _processors: list[Processor]

    @property
    def name(self) -> str:
        """Name of the logger."""
        return self._logger.name

    def log(self, level: object, event: object = None, /, *arguments: Any, **fields: Any) -> None:
        """Log at a level given by number or name."""
        number = _levels.number(level)
        if number >= state.level:
            self._write(_levels.name_of(number), (event, arguments, fields))

    async def alog(
        self, level: object, event: object = None, /, *arguments: Any, **fields: Any
    ) -> None:
        """Log at a level given by number or name, in another thread."""
        number = _levels.number(level)
        if number >= state.level:
            await self._write_aside(
                _levels.name_of(number), event, arguments=arguments, fields=fields
            )

    def is_enabled_for(self, level: int) -> bool:
        """Return whether lines of *level* are kept."""
        return level >= state.level

    def get_effective_level(self) -> int:
        """Return the least level that is kept, as a number of ``logging``."""
        return state.level

    def _write(self, method: str, written: Written) -> None:
        event, arguments, fields = written
        if event is None:
            event = fields.pop("event", "")
        if self._context:
            fields = {**self._context, **fields}
        processors = self._processors
        if processors is not PROCESSORS:
            # OpenTelemetry's instrumentation adds an exporter of its own: lines would be doubled.
            processors = [one for one in processors if not _is_of_opentelemetry(one)]
        emit(self._logger, method, (event, arguments, fields), processors=processors)

    async def _write_aside(
        self, method: str, event: object, *, arguments: tuple[Any, ...], fields: dict[str, Any]
    ) -> None:
        if fields.get("exc_info") is True:
            # The other thread handles no exception.
            fields["exc_info"] = sys.exc_info()[1]
        write = partial(copy_context().run, self._write, method, (event, arguments, fields))
        await asyncio.get_running_loop().run_in_executor(None, write)


def _is_of_opentelemetry(processor: object) -> bool:
    module = getattr(processor, "__module__", None) or type(processor).__module__
    return str(module).startswith("opentelemetry.")


def _method(method: str) -> Callable[..., None]:
    def log(self: Logger, event: object = None, /, *arguments: Any, **fields: Any) -> None:
        self._write(method, (event, arguments, fields))

    return log


def _async_method(method: str) -> Callable[..., Awaitable[None]]:
    async def log(self: Logger, event: object = None, /, *arguments: Any, **fields: Any) -> None:
        await self._write_aside(method, event, arguments=arguments, fields=fields)

    return log


def _exception(self: Logger, event: object = None, /, *arguments: Any, **fields: Any) -> None:
    fields.setdefault("exc_info", True)
    self._write("error", (event, arguments, fields))


async def _aexception(
    self: Logger, event: object = None, /, *arguments: Any, **fields: Any
) -> None:
    fields.setdefault("exc_info", True)
    await self._write_aside("error", event, arguments=arguments, fields=fields)


def _nothing(_self: Logger, *_arguments: Any, **_fields: Any) -> None:
    return None


async def _nothing_async(_self: Logger, *_arguments: Any, **_fields: Any) -> None:
    return None


_SAME_AS = {"warn": "warning", "err": "error", "fatal": "critical", "msg": "info"}
_METHODS: dict[str, tuple[Callable[..., None], Callable[..., Awaitable[None]]]] = {
    name: (_method(_SAME_AS.get(name, name)), _async_method(_SAME_AS.get(name, name)))
    for name in _levels.BY_METHOD
    if name != "exception"
} | {"exception": (_exception, _aexception)}


def _follow(level: int) -> None:
    """Exchange the methods of all loggers for those of *level*."""
    for name, (write, write_async) in _METHODS.items():
        is_kept = _levels.BY_METHOD[name] >= level
        setattr(Logger, name, write if is_kept else _nothing)
        setattr(Logger, f"a{name}", write_async if is_kept else _nothing_async)


_follow(state.level)
state.followers.append(_follow)


def make(name: object, bound: dict[str, Any]) -> Logger:
    """Return a logger called *name*, or like the module that asks for it."""
    return Logger(_origin(*(() if name is None else (name,))), PROCESSORS, bound)


def adopt() -> None:
    """Let ``structlog.get_logger()`` lead into our pipeline, unless the user configured it."""
    if not structlog.is_configured() or _is_configured_by_opentelemetry():
        structlog.configure(
            processors=PROCESSORS,
            wrapper_class=Logger,
            context_class=dict,
            logger_factory=_origin,
            cache_logger_on_first_use=True,
        )


def give_back() -> None:
    """Undo `adopt`, unless the user has configured structlog since."""
    ours, theirs = _processors_now()
    if ours != PROCESSORS:
        return
    structlog.reset_defaults()
    if theirs:
        defaults = list(structlog.get_config()["processors"])
        structlog.configure(processors=[*defaults[:-1], *theirs, defaults[-1]])


def _is_configured_by_opentelemetry() -> bool:
    """Return whether all that was configured is the processor that its instrumentation adds."""
    processors, theirs = _processors_now()
    defaults: Any = getattr(structlog, "_config", None)
    now = structlog.get_config()
    return (
        bool(theirs)
        and processors == list(getattr(defaults, "_BUILTIN_DEFAULT_PROCESSORS", ()))
        and now["wrapper_class"] is getattr(defaults, "_BUILTIN_DEFAULT_WRAPPER_CLASS", None)
        and now["context_class"] is getattr(defaults, "_BUILTIN_DEFAULT_CONTEXT_CLASS", None)
    )


def _processors_now() -> tuple[list[Any], list[Any]]:
    """Return structlog's processors without OpenTelemetry's, and those."""
    processors = list(structlog.get_config()["processors"])
    theirs = [one for one in processors if _is_of_opentelemetry(one)]
    return [one for one in processors if one not in theirs], theirs


def _origin(*arguments: object) -> Origin:
    return Origin(text(arguments[0], _MAX_NAME) if arguments else _calling_module())


def _calling_module() -> str:
    """Return the name of the nearest module that is neither structlog's nor ours."""
    frame = sys._getframe(1)  # noqa: SLF001  # inspect.stack() reads all source files
    name = ""
    while True:
        name = str(frame.f_globals.get("__name__", ""))
        outer = frame.f_back
        if outer is None or not name.startswith((__package__, "structlog")):
            return name
        frame = outer
