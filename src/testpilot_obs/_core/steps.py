"""Something around a whole generator that is current only while the generator runs.

Between two steps a generator shares its caller's context. A span left current there would become
the parent of the caller's spans, and could not be taken away when someone else finishes the
generator. So each step makes current what the generator left current, and then restores.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from opentelemetry import context as otel_context

from testpilot_obs._core import context, current


class Inside:
    """What is current inside of one generator; a context manager around each of its steps."""

    __slots__ = ("_before", "_get", "_put", "_transaction", "_value")

    _before: tuple[Any, Any]

    def __init__(self) -> None:
        is_ours = context.is_installed()
        self._get: Callable[[], Any] = context.get if is_ours else otel_context.get_current
        self._put: Callable[[Any], Any] = context.put if is_ours else otel_context.attach
        self._value = self._get()
        self._transaction = current.transaction()

    def __enter__(self) -> None:
        """Make current what the generator left current."""
        self._before = (self._get(), current.transaction())
        self._put(self._value)
        current.put_transaction(self._transaction)

    def __exit__(self, *_exception: object) -> None:
        """Remember what the generator leaves current, and make the caller's current again.

        By putting, not by a token: a step may be finished in another context than it began in.
        """
        self._value = self._get()
        self._transaction = current.transaction()
        value, transaction = self._before
        self._put(value)
        current.put_transaction(transaction)


def around_generator(
    enter: Callable[[], Any], function: Callable[..., Generator[Any, Any, Any]]
) -> Callable[..., Generator[Any, Any, Any]]:
    """Return *function* with the context manager of *enter* around each generator it makes."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        inside = Inside()
        with inside:
            scope = enter()
            scope.__enter__()
        step: Callable[[Any], Any] = generator.send
        argument: Any = None
        try:
            while True:
                with inside:
                    item = step(argument)
                try:
                    step, argument = generator.send, (yield item)
                except GeneratorExit:
                    with inside:
                        returned: Any = generator.close()  # type: ignore[func-returns-value]
                    if returned is None:
                        raise
                    # Python 3.13 hands on what a generator returns when it is closed.
                    _leave(inside, scope, finished=True)
                    return returned
                except BaseException as error:  # it is the generator's to handle
                    step, argument = generator.throw, error
        except StopIteration as stop:
            _leave(inside, scope, finished=True)
            return stop.value
        except BaseException:
            _leave(inside, scope, finished=False)
            raise

    return call


def around_async_generator(
    enter: Callable[[], Any], function: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return *function* with the context manager of *enter* around each generator it makes."""

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        inside = Inside()
        with inside:
            scope = enter()
            scope.__enter__()
        step: Callable[[Any], Any] = _first(generator)
        argument: Any = None
        try:
            while True:
                with inside:
                    item = await step(argument)
                try:
                    step, argument = generator.asend, (yield item)
                except GeneratorExit:
                    with inside:
                        await generator.aclose()
                    raise
                except BaseException as error:  # it is the generator's to handle
                    step, argument = generator.athrow, error
        except StopAsyncIteration:
            _leave(inside, scope, finished=True)
        except BaseException:
            _leave(inside, scope, finished=False)
            raise

    return call


def _first(generator: AsyncGenerator[Any, Any]) -> Callable[[Any], Any]:
    """Return the first step of *generator*, taken such that the event loop never learns of it.

    The loop would close it at its end, at the same time as the generator around it, which
    closes it as well; Python calls that an error.
    """

    def step(_argument: None) -> Any:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, None)
        try:
            return generator.asend(None)
        finally:
            sys.set_asyncgen_hooks(*hooks)

    return step


def _leave(inside: Inside, scope: Any, *, finished: bool) -> None:
    """Leave *scope* where it was entered: inside."""
    with inside:
        scope.__exit__(*((None, None, None) if finished else sys.exc_info()))
