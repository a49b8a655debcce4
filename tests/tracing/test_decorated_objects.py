"""The decorators on methods, classes and callable objects."""

import asyncio
import functools

import pytest

from testpilot_obs import tracing

DECORATORS = [tracing.traced, tracing.transaction, tracing.monitored]


every_decorator = pytest.mark.parametrize("decorate", DECORATORS)


def plain(a, /, b: int = 2, *args, c, **kwargs) -> str:
    """Return the arguments."""
    return f"{a} {b} {args} {c} {kwargs}"


def generator(a: int):
    """Yield a."""
    yield a


def make(decorate):
    """Return a class whose methods are decorated in every order."""

    class Service:
        size = 3

        @decorate
        def method(self):
            return self.size

        @staticmethod
        @decorate
        def static_inside():
            return "static"

        @decorate
        @staticmethod
        def static_outside():
            return "static"

        @classmethod
        @decorate
        def class_inside(cls):
            return cls.size

        @decorate
        @classmethod
        def class_outside(cls):
            return cls.size

    return Service


@every_decorator
def test_あらゆるメソッドに使える(decorate, spans):
    """Methods, static and class methods, decorated in both orders."""
    service = make(decorate)
    one = service()

    assert [one.method(), service.method(one)] == [3, 3]
    for each in (one, service):
        assert [each.static_inside(), each.static_outside()] == ["static", "static"]
        assert [each.class_inside(), each.class_outside()] == [3, 3]
    assert {span.name for span in spans} == {
        f"Service.{name}"
        for name in ("method", "static_inside", "static_outside", "class_inside", "class_outside")
    }


@every_decorator
def test_クラス全体に使える(decorate, spans):
    """On a class each public method of its own is decorated, and nothing else."""

    class Base:
        def inherited(self):
            """Do nothing."""

    @decorate
    class Service(Base):
        attribute = staticmethod

        def __init__(self):
            self._private()

        def method(self):
            return "m"

        async def coroutine(self):
            return "c"

        @staticmethod
        def static():
            return "s"

        @classmethod
        def of_class(cls):
            return cls

        @property
        def prop(self):
            return "p"

        def _private(self):
            """Do nothing."""

        class Inner:
            def method(self):
                """Do nothing."""

    service = Service()
    service.inherited()
    Service.Inner().method()

    assert (service.method(), asyncio.run(service.coroutine())) == ("m", "c")
    assert (service.static(), service.of_class(), service.prop) == ("s", Service, "p")
    assert [s.name for s in spans] == [
        "Service.method",
        "Service.coroutine",
        "Service.static",
        "Service.of_class",
    ]


class Callable:
    """An object that can be called, with an attribute that looks like a partial's."""

    func = "not a function"

    def __call__(self, n):
        """Return n."""
        return n


class AsyncCallable:
    """An object that can be awaited when called."""

    async def __call__(self, n):
        """Return n."""
        return n


@every_decorator
def test_呼べる物なら何にでも使える(decorate, spans):
    """Callable objects, partials, builtins, bound methods and lambdas."""
    assert decorate(Callable())(1) == 1
    assert decorate(functools.partial(plain, 1, c=2))() == plain(1, c=2)
    assert decorate(len)("ab") == 2
    assert decorate(Callable().__call__)(2) == 2
    assert asyncio.run(decorate(AsyncCallable())(3)) == 3
    assert asyncio.run(decorate(functools.partial(functools.partial(AsyncCallable()), 4))()) == 4
    assert list(decorate(functools.partial(generator, 5))()) == [5]

    names = [span.name for span in spans]
    assert names[:5] == ["Callable", "partial", "len", "Callable.__call__", "AsyncCallable"]


@every_decorator
@pytest.mark.parametrize("bad", [5, object(), ["x"]])
def test_呼べない物には使えない(decorate, bad):
    """Decorating what cannot be called is the user's mistake, told at once."""
    with pytest.raises(TypeError, match="only something callable"):
        decorate(bad)
