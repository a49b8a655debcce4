"""Putting something around a callable of any kind, and keeping what it looks like.

Functions, coroutines, generators, async generators, static and class methods, classes and
callable objects; each decorator brings one builder per kind of function.
"""

import inspect
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, Protocol

from testpilot_obs._core.steps import around_async_generator, around_generator


class Builders(Protocol):
    """Makes the wrapper for each kind of function; *name* is what it should be called."""

    def sync(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap a plain function."""

    def coroutine(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap a coroutine function."""

    def generator(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap a generator function."""

    def async_generator(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap an async generator function."""


def decorate(target: Any, name: str | None, builders: Builders) -> Any:
    """Return *target* with what *builders* make around it.

    Args:
        target: What was decorated. A class is changed in place: each public method that it
            defines itself is wrapped.
        name: What to call it; default its qualified name without ``<locals>``.
        builders: One builder per kind of function.

    Raises:
        TypeError: If *target* cannot be called.
    """
    if isinstance(target, staticmethod):
        return staticmethod(decorate(target.__func__, name, builders))
    if isinstance(target, classmethod):
        return classmethod(decorate(target.__func__, name, builders))
    if inspect.isclass(target):
        return _decorate_class(target, builders)
    if not callable(target):
        message = f"only something callable can be decorated, got {type(target).__name__}"
        raise TypeError(message)
    return _build(target, name or name_of(target), builders)


def name_of(target: Any) -> str:
    """Return the qualified name of *target*, e.g. ``"Service.generate"``."""
    name = getattr(target, "__qualname__", None) or type(target).__qualname__
    return str(name).rsplit("<locals>.", 1)[-1]


def _build(target: Any, name: str, builders: Builders) -> Any:
    judged = _judged(target)
    if inspect.iscoroutinefunction(judged):
        build = builders.coroutine
    elif inspect.isasyncgenfunction(judged):
        build = builders.async_generator
    elif inspect.isgeneratorfunction(judged):
        build = builders.generator
    else:
        build = builders.sync
    return update_wrapper(build(target, name), target)


def _judged(target: Any) -> Any:
    """Return the function that says what kind *target* is; what is called is *target*."""
    while isinstance(target, partial):
        target = target.func
    return target if inspect.isroutine(target) else target.__call__


def _decorate_class(cls: type, builders: Builders) -> type:
    for attribute, value in list(vars(cls).items()):
        is_method = inspect.isfunction(value) or isinstance(value, (staticmethod, classmethod))
        if is_method and not attribute.startswith("_"):
            setattr(cls, attribute, decorate(value, f"{name_of(cls)}.{attribute}", builders))
    return cls


class Around:
    """Builds wrappers that enter a context manager around each call."""

    def __init__(self, enter: Callable[[str], Any]) -> None:
        self._enter = enter

    def sync(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap a plain function."""
        enter = self._enter

        def call(*args: Any, **kwargs: Any) -> Any:
            with enter(name):
                return function(*args, **kwargs)

        return call

    def coroutine(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap a coroutine function."""
        enter = self._enter

        async def call(*args: Any, **kwargs: Any) -> Any:
            with enter(name):
                return await function(*args, **kwargs)

        return call

    def generator(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap a generator function."""
        return around_generator(lambda: self._enter(name), function)

    def async_generator(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Wrap an async generator function."""
        return around_async_generator(lambda: self._enter(name), function)
