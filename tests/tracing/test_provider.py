"""The tracer provider: scopes, resources, ids, its end."""

import subprocess
import sys
import warnings

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

from testpilot_obs import tracing
from testpilot_obs.tracing import TracerProvider


def test_同じ範囲には同じトレーサー():
    """The same scope gives the same tracer, another one another."""
    provider = TracerProvider()
    scope = ("lib", "1.0", "https://x/1", {"a": 1})

    tracer = provider.get_tracer(*scope)

    assert provider.get_tracer(*scope) is tracer
    assert provider.get_tracer("lib", "2.0") is not tracer
    assert isinstance(tracer, trace.Tracer)
    assert isinstance(provider, trace.TracerProvider)


def test_範囲はスパンに付いて行く():
    """A span knows the scope of its tracer, in the words of old SDKs too."""
    span = TracerProvider().get_tracer("lib", "1.0", "https://x/1", {"a": 1}).start_span("x")
    scope = span.instrumentation_scope

    assert (scope.name, scope.version, scope.schema_url) == ("lib", "1.0", "https://x/1")
    assert dict(scope.attributes) == {"a": 1}
    assert span.readable().instrumentation_scope == scope
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        info = span.instrumentation_info
        assert (info.name, info.version) == ("lib", "1.0")


@pytest.mark.parametrize("name", ["", None])
def test_名のない範囲は警告される(name, caplog):
    """A tracer without a name works, with a warning."""
    tracer = TracerProvider().get_tracer(name)

    assert tracer.start_span("x").is_recording()
    assert (tracer.scope.name, tracer.scope.version) == ("", "")
    assert "needs the name of a module" in caplog.text


@pytest.mark.parametrize("bad", [5, object(), ValueError("x")])
def test_名でない名も文字になる(bad):
    """A scope's name that is no text becomes text."""
    assert TracerProvider().get_tracer(bad, bad).scope.name == str(bad)


def test_資源は与えた物がそのまま使われる():
    """The resource given is the one that spans have."""
    resource = Resource({"service.name": "s"})

    provider = TracerProvider(resource=resource)

    assert provider.resource is resource
    assert provider.get_tracer("t").start_span("x").resource is resource


def test_資源がなければSDKの既定になる():
    """Without a resource the SDK's is made."""
    attributes = TracerProvider().resource.attributes

    assert attributes["telemetry.sdk.name"] == "opentelemetry"
    assert "service.name" in attributes


def test_分岐した子のために資源を書き直せる(connect):
    """The description of the process can be replaced."""
    provider = connect()

    tracing.update_resource({"service.name": "子"})

    assert provider.resource.attributes["service.name"] == "子"


class Counting(IdGenerator):
    """Counts ids up."""

    def __init__(self):
        self.last = 0

    def generate_span_id(self):
        """Return the next number."""
        self.last += 1
        return self.last

    def generate_trace_id(self):
        """Return a number of its own."""
        return 0xABC


def test_自作の識別子が使われる():
    """An id generator makes the ids, and says whether they are random."""
    tracer = TracerProvider(id_generator=Counting()).get_tracer("t")

    with tracer.start_as_current_span("a") as a, tracer.start_as_current_span("b") as b:
        pass

    assert [(s.context.trace_id, s.context.span_id) for s in (a, b)] == [(0xABC, 1), (0xABC, 2)]
    assert not a.context.trace_flags.random_trace_id


def test_SDKの識別子も使える():
    """The SDK's own generator makes random ids."""
    span = TracerProvider(id_generator=RandomIdGenerator()).get_tracer("t").start_span("x")

    assert span.context.is_valid
    assert span.context.trace_flags.random_trace_id


@pytest.mark.guarded
@pytest.mark.parametrize("answer", ["text", None, RuntimeError])
def test_壊れた識別子の代わりに乱数が使われる(answer, caplog):
    """An id generator that raises or answers nonsense is replaced by random ids."""

    class Broken(IdGenerator):
        def generate_span_id(self):
            if answer is RuntimeError:
                raise answer
            return answer

        generate_trace_id = generate_span_id

    span = TracerProvider(id_generator=Broken()).get_tracer("t").start_span("x")

    assert span.context.is_valid
    assert "failed to ask the id generator" in caplog.text


def test_無効にされたSDKは何も作らない(monkeypatch):
    """With OTEL_SDK_DISABLED a provider that stands by itself makes no spans."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    assert not TracerProvider().get_tracer("t").start_span("x").is_recording()


PROGRAM = """
import atexit, sys
from testpilot_obs.tracing import TracerProvider

class Processor:
    count = 0
    def shutdown(self):
        self.count += 1

processor = Processor()
atexit.register(lambda: print(processor.count))
provider = TracerProvider(shutdown_on_exit=sys.argv[1] == "1")
provider.add_span_processor(processor)
if sys.argv[2] == "1":
    provider.shutdown()
"""


@pytest.mark.parametrize(
    ("at_exit", "by_hand", "count"), [("1", "0", "1"), ("1", "1", "1"), ("0", "0", "0")]
)
def test_プロセスの終わりに一度だけ閉じる(at_exit, by_hand, count):
    """A provider is shut down at exit, unless it was, or was told not to."""
    command = [sys.executable, "-c", PROGRAM, at_exit, by_hand]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert (done.stdout.strip(), done.stderr) == (count, "")


def test_繋ぐと全体の提供者になる(connect):
    """Connecting makes ours OpenTelemetry's global provider; tracers from before work too."""
    early = trace.get_tracer("early")

    provider = connect()

    assert trace.get_tracer_provider() is provider
    assert early.start_span("x").is_recording()


def test_二度目の接続は何も言わない(connect, queue, quiet):
    """Connecting again changes the settings of what was made before, and logs nothing."""
    provider = connect(span_attribute_count_limit=1)
    tracer = provider.get_tracer("t")

    assert connect() is provider
    tracer.start_span("x", attributes={"a": 1, "b": 2}).end()

    assert len(queue.items[0].attributes) == 2


def test_切った後は何も記録されない(tracer, queue):
    """After `disconnect` everything works on, and nothing is queued."""
    span = tracer.start_span("a")
    tracing.disconnect()

    span.end()
    tracer.start_span("b").end()
    with tracing.span("c"):
        pass

    assert queue.items == []
