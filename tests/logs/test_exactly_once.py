"""However a record comes, with whatever instrumentation beside ours, it is one record."""

import logging

import grpc
import pytest
import structlog

import testpilot_obs as obs
from testpilot_obs import logs
from testpilot_obs.logs._bridge import Bridge
from testpilot_obs.testing.receiver import OtlpReceiver


@pytest.fixture
def named():
    """Return a logger that keeps its records to itself."""
    logger = logging.getLogger("apart.named")
    logger.propagate, logger.level = False, logging.INFO
    yield logger
    logger.propagate, logger.level = True, logging.NOTSET


def test_名を挙げた独立のロガーも届く(wire, named):
    """A logger with propagate=False is heard if it is named, and not touched otherwise."""
    wired = wire()
    named.info("unheard")
    assert not any(isinstance(handler, Bridge) for handler in named.handlers)
    wired = wire(log_loggers=["apart.named", "apart.other"])

    named.info("heard")
    logging.getLogger("apart.other").info("heard once")

    assert [line["event"] for line in wired.lines] == ["heard", "heard once"]
    logs.disconnect()
    assert not any(isinstance(handler, Bridge) for handler in named.handlers)


class Processor:
    """What holds a provider's processors."""

    def __init__(self, *processors):
        self._log_record_processors = processors


class Provider:
    """A logger provider of OpenTelemetry's SDK."""

    def __init__(self, *processors):
        self._multi_log_record_processor = Processor(*processors)


def otel_handler(provider):
    """Return a handler as OpenTelemetry's logging instrumentation installs it."""

    class LoggingHandler(logging.Handler):
        """Exports records itself."""

        _logger_provider = provider

        def emit(self, record):
            """Do nothing here."""

    LoggingHandler.__module__ = "opentelemetry.instrumentation.logging.handler"
    return LoggingHandler()


@pytest.mark.parametrize(("provider", "records"), [(Provider("x"), 0), (Provider(), 1), (None, 1)])
def test_OpenTelemetryのハンドラーがあっても二重にならない(wire, bare_root, provider, records):
    """What its handler exports we do not export again; what it does not, we do; both print."""
    root = bare_root()
    root.setLevel(logging.INFO)
    root.addHandler(otel_handler(provider))
    wired = wire()

    logging.getLogger("x").info("once")

    assert len(wired.lines) == 1
    assert len(wired.records) == records


def test_OpenTelemetryのstructlogの処理があっても二重にならない(wire):
    """Its processor in structlog's chain is left out: the line is exported by us."""
    exported = []

    def otel(_logger, _method, line):
        exported.append(line)
        return line

    otel.__module__ = "opentelemetry.instrumentation.structlog"
    wired = wire()
    processors = structlog.get_config()["processors"]
    structlog.configure(processors=[processors[0], otel, *processors[1:]])

    structlog.get_logger("x").info("once")

    assert (len(wired.records), len(wired.lines), exported) == (1, 1, [])


@pytest.mark.needs("grpc", "requests")
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_根がDEBUGでも一つの記録は一つだけ届く(bare_root, protocol):
    """With the root logger at DEBUG, one record gives one record at a real receiver."""
    bare_root().setLevel(logging.DEBUG)
    with OtlpReceiver() as receiver:
        endpoint = receiver.http_endpoint if protocol != "grpc" else receiver.grpc_endpoint
        handle = obs.init(
            service_name="shop",
            otlp_endpoint=endpoint,
            otlp_protocol=protocol,
            otlp_insecure=True,
            log_format="none",
        )
        logging.getLogger("app").debug("standard")
        obs.get_logger("app").warning("ours")
        assert handle.flush(10)
        handle.shutdown(5)
        bodies = [record.record.body.string_value for record in receiver.logs]

    assert sorted(bodies) == ["ours", "standard"]


@pytest.mark.needs("grpc")
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_断られたことの知らせは次の記録にならない(bare_root, protocol):
    """What is said about a refusal is not recorded, or each refusal would cause the next one."""
    bare_root().setLevel(logging.DEBUG)
    with OtlpReceiver() as receiver:
        receiver.answer(401, times=5)
        receiver.answer_grpc(grpc.StatusCode.UNAUTHENTICATED, times=5)
        endpoint = receiver.http_endpoint if protocol != "grpc" else receiver.grpc_endpoint
        settings = {"otlp_endpoint": endpoint, "otlp_protocol": protocol, "log_format": "none"}
        with obs.init(service_name="shop", **settings) as handle:
            logging.getLogger("app").debug("standard")
            handle.flush(10)
            handle.flush(10)
            books = handle.stats()["logs"]

    assert (books.recorded, sum(books.dropped.values())) == (1, 1)
