"""One secret in many places: it is in none of the outputs."""

import io
import logging

import pytest
from opentelemetry.trace import Link, SpanContext, StatusCode, TraceFlags

import testpilot_obs as obs
from testpilot_obs import logs
from testpilot_obs.exporters import ConsoleExporter, MemoryExporter
from testpilot_obs.testing.receiver import OtlpReceiver

CANARY = "c4n4ry-hunter2"
PLACES = 24


def plant():
    """Put the canary everywhere."""
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    link = Link(context, {"auth_token": CANARY})
    with obs.start_transaction(f"GET /?token={CANARY}", attributes={"password": CANARY}) as tx:
        tx.set_attribute("url.full", f"https://me:{CANARY}@host/x?api_key={CANARY}")
        tx.set_attribute("http.request.header.authorization", (f"Bearer {CANARY}",))
        tx.set_attribute("db.query.text", f"SELECT * FROM t WHERE name = '{CANARY}'")
        tx.set_attribute("settings", {"db": {"password": CANARY}})
        tx.set_attribute("headers", [("Cookie", CANARY)])
        tx.set_attribute("raw", f"secret={CANARY}".encode())
        tx.add_event(f"login password={CANARY}", {"passwd": CANARY})
        tx.set_status(StatusCode.ERROR, f"password={CANARY}")
        with obs.span("linked", {"dsn": f"postgres://u:{CANARY}@h/db"}) as span:
            span.add_link(link.context, link.attributes)
        with pytest.raises(ValueError, match="password"), obs.span("failing"):
            raise ValueError(f"password={CANARY}")
    log_everywhere()
    obs.metrics.counter("c_total", "Canaries.", labels=["token"]).labels(token=CANARY).inc()


def log_everywhere():
    """Put the canary into lines."""
    log = obs.get_logger("app")
    with obs.bound(session_token=CANARY):
        log.info("bound")
    log.info("Authorization: Basic %s", CANARY)
    log.info("with %s", {"password": CANARY})
    log.info("with %(password)s", {"password": CANARY})
    log.info("field", client_secret=CANARY, nested={"list": [{"api_key": CANARY}]})
    logging.getLogger("std").warning("url=%s", f"amqp://u:{CANARY}@h", extra={"x_api_key": CANARY})
    try:
        {}[f"password={CANARY}"]
    except KeyError:
        log.exception("failed")
        logging.getLogger("std").exception("failed")
    logs.get_audit_logger().info("login", password=CANARY)
    logs.LoggerService().error("failed", f"at login(password={CANARY})")


@pytest.mark.needs("grpc")
@pytest.mark.parametrize("log_format", ["json", "console", "logfmt"])
def test_秘密は一つも出て行かない(tmp_path, log_format):
    """Spans, logs and metrics, on the console, in files, in memory and over OTLP."""
    lines, spans, memory = io.StringIO(), io.StringIO(), MemoryExporter()
    with OtlpReceiver() as receiver:
        handle = obs.init(
            service_name="shop",
            resource_attributes={"team.password": CANARY},
            otlp_endpoint=receiver.http_endpoint,
            otlp_file=str(tmp_path / "otlp.jsonl"),
            log_dir=str(tmp_path / "logs"),
            log_locals=True,
            log_format=log_format,
            console_stream=lines,
            exporters=[memory, ConsoleExporter(spans, "tree"), ConsoleExporter(spans, "json")],
        )
        plant()
        assert handle.flush(10)
        handle.shutdown(5)
        sent = "".join(
            str((one.record, one.resource))
            for one in (*receiver.spans, *receiver.logs, *receiver.metrics)
        )
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    kept = [
        str((s.name, s.attrs, s.extra and (s.extra.events, s.extra.links))) for s in memory.spans
    ]
    outputs = [lines.getvalue(), spans.getvalue(), sent, *files, *kept, *map(str, memory.logs)]

    assert [words for words in outputs if CANARY in words] == []
    assert sum(words.count("[redacted") for words in outputs) > PLACES
    assert all(receiver_part for receiver_part in (receiver.spans, receiver.logs))


def test_秘密はスプールにも入らない(tmp_path):
    """What was on disk holds no secret: a service that redacts nothing sends it on as it lies."""
    settings = {"service_name": "shop", "log_format": "none", "spool_dir": str(tmp_path)}
    with obs.init(**settings, otlp_endpoint="http://127.0.0.1:9") as handle:
        plant()
    lines = handle.stats()["logs"].spooled
    with OtlpReceiver() as receiver:
        handle = obs.init(**settings, otlp_endpoint=receiver.http_endpoint, redaction=False)
        receiver.wait_for(spans=3, logs=lines, timeout_s=20)
        handle.shutdown(5)
    sent = "".join(str((one.record, one.resource)) for one in (*receiver.spans, *receiver.logs))

    assert CANARY not in sent
    assert sent.count("[redacted") > PLACES


def test_切れば出て行く(tmp_path):
    """With ``redaction=False`` everything is as it was: the test above looks in the right place."""
    lines = io.StringIO()
    with obs.init(service_name="shop", console_stream=lines, log_format="json", redaction=False):
        plant()

    assert lines.getvalue().count(CANARY) > PLACES


def test_利用者の関数は入口で渡せる():
    """``init(redact=…)`` decides about every match."""
    lines = io.StringIO()
    with obs.init(
        service_name="shop",
        console_stream=lines,
        log_format="json",
        redact=lambda match: match.value if match.rule == "session" else None,
    ):
        obs.get_logger("x").info("in", session="open", password=CANARY)

    assert '"session":"open"' in lines.getvalue()
    assert CANARY not in lines.getvalue()


def test_スパンを持つ人の手元は変わらない():
    """The span object that the application holds keeps what it was given."""
    memory = MemoryExporter()
    with obs.init(service_name="shop", exporters=[memory], log_format="none"):
        with obs.span("held", password=CANARY) as span:
            pass

    assert span.attributes["password"] == CANARY
    assert memory.spans[0].attributes["password"] == "[redacted: password]"
