"""`testpilot-obs doctor`: what it looks at, and what its exit status says."""

import json
import os
import ssl

import pytest
import trustme

from testpilot_obs._core import clock
from testpilot_obs.cli import main
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.exporters.servers import RawServer, closed_port

CANARY = "s3cr3t-canary"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture(autouse=True)
def _service(tmp_path, monkeypatch):
    """Look for no settings in the folder of this repository, and give the service a name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def receiver(monkeypatch):
    """Return a running receiver that the settings name."""
    with OtlpReceiver() as running:
        monkeypatch.setenv(ENDPOINT, running.http_endpoint)
        yield running


@pytest.fixture
def examine(capsys):
    """Return a function that runs ``doctor --json``: its exit status, and what it printed."""

    def run(*options):
        status = main(["doctor", "--json", *options])
        printed = capsys.readouterr()
        assert printed.err == ""
        return status, json.loads(printed.out)

    return run


def checks_of(report, section, status=None):
    """Return the checks of a section, by name."""
    return {
        one["name"]: one
        for one in report["checks"]
        if one["section"] == section and status in {None, one["status"]}
    }


def test_すべてが良ければ零である(receiver, examine):
    """With a receiver that takes everything the exit status is 0, and three records arrived."""
    status, report = examine()

    assert (status, report["status"], report["exit_code"]) == (0, "ok", 0)
    assert (len(receiver.spans), len(receiver.logs), len(receiver.metrics)) == (1, 1, 1)
    assert receiver.spans[0].resource["service.name"] == "shop"


def test_答えの形は約束されている(receiver, examine):
    """The JSON object has these keys, and each check has those."""
    _, report = examine()

    assert list(report) == [
        "schema",
        "status",
        "exit_code",
        "version",
        "python",
        "service",
        "settings",
        "checks",
    ]
    assert {tuple(one) for one in report["checks"]} == {
        ("section", "name", "status", "message", "about", "remedy", "facts")
    }
    assert report["settings"]["service_name"] == {"value": "'shop'", "source": "environment"}
    facts = checks_of(report, "destinations")["log"]["facts"]
    assert (facts["signal"], facts["signals"]) == ("logs", ["traces", "logs", "metrics"])


def test_届かなければ一である(monkeypatch, examine):
    """Nobody listens: exit status 1, and nothing is tried beyond that."""
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{closed_port()}")
    status, report = examine()

    assert status == 1
    assert list(checks_of(report, "destinations")) == ["name", "connect"]


def test_信号ごとに確かめられる(receiver, examine):
    """One signal that is refused is told, the others are well."""
    receiver.answer(200)
    receiver.answer(401)
    status, report = examine()
    found = [
        checks_of(report, "destinations")[name]["status"] for name in ("span", "log", "metric")
    ]

    assert status == 1
    assert sorted(found) == ["failed", "ok", "ok"]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPONT", "http://x", "did you mean OTEL_EXPORTER_OTLP_ENDPOINT?"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "a whole number"),
        ("TESTPILOT_OBS_CONFIG_FILE", "/no/such/file.toml", "file"),
    ],
)
def test_使えない設定は二である(receiver, monkeypatch, examine, variable, value, words):
    """A setting that is mistyped or cannot be used is named, with what was expected; status 2."""
    monkeypatch.setenv(variable, value)
    status, report = examine()

    assert status == 2
    assert words in checks_of(report, "settings", "failed")[variable]["remedy"]


@pytest.mark.parametrize("options", [["--timeout", "0"], ["--timeout", "soon"], ["--what"]])
def test_使えない言い方も二である(capsys, options):
    """An option that cannot be used is status 2."""
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *options])

    assert ended.value.code == 2


def test_名のない服務は警告である(receiver, monkeypatch, examine):
    """A service without a name is remarked upon, and is no error."""
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    status, report = examine()

    assert (status, report["status"]) == (0, "warning")
    assert "service_name" in checks_of(report, "settings", "warning")


def test_繋がないように頼める(receiver, examine):
    """--offline connects to nothing and sends nothing."""
    status, report = examine("--offline")

    assert status == 0
    assert checks_of(report, "destinations")["connect"]["status"] == "skipped"
    assert receiver.requests == []


def test_止められた計装は送らない(receiver, monkeypatch, examine):
    """With OTEL_SDK_DISABLED nothing is sent, and that is said."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    _, report = examine()

    assert receiver.requests == []
    assert "disabled" in checks_of(report, "settings", "warning")


def test_送り先がなければそう言われる(examine):
    """Without an endpoint it is said where telemetry goes instead."""
    status, report = examine()

    assert status == 0
    assert set(checks_of(report, "destinations", "info")) == {"traces", "logs", "metrics"}


def test_行き先ごとに別々に確かめられる(receiver, monkeypatch, examine):
    """A signal with an endpoint of its own is a destination of its own; one failure is one."""
    dead = f"http://127.0.0.1:{closed_port()}/v1/logs"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", dead)
    status, report = examine()
    by_place = {
        (one["about"], one["name"]): one["status"]
        for one in report["checks"]
        if one["section"] == "destinations"
    }

    assert status == 1
    assert by_place[dead.removesuffix("/v1/logs"), "connect"] == "failed"
    assert by_place[receiver.http_endpoint, "span"] == "ok"
    assert by_place[receiver.http_endpoint, "metric"] == "ok"


def test_信じられない証明書の理由が語られる(monkeypatch, examine):
    """The reason why a certificate is not trusted is in the report."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with OtlpReceiver(tls=context) as receiver:
        monkeypatch.setenv(ENDPOINT, receiver.http_endpoint)
        status, report = examine()

    assert status == 1
    assert "not trusted" in checks_of(report, "destinations", "failed")["tls"]["message"]


def test_読めない証明書は設定の名で語られる(monkeypatch, tmp_path, examine):
    """A file of TLS that is not there is told by the variable that names it."""
    monkeypatch.setenv(ENDPOINT, "https://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "none.pem"))
    status, report = examine()
    failed = checks_of(report, "destinations", "failed")

    assert status == 1
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in failed["tls"]["message"]
    assert "environment" in failed["tls"]["message"]


def test_全体の時間には限りがある(monkeypatch, examine):
    """Destinations that hang are tried at once; --timeout is for all of them together."""
    hang = lambda connection, _: connection.recv(1 << 20) and connection.recv(1 << 20)  # noqa: E731
    began = clock.monotonic()
    with RawServer(hang) as one, RawServer(hang) as other:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", one.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", other.url)
        status, report = examine("--timeout", "1")

    assert status == 1
    assert len(checks_of(report, "destinations", "failed")) == 2
    assert clock.monotonic() - began < 10


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_秘密はどこにも出ない(capsys, monkeypatch, form):
    """No secret of the settings is printed, even if the receiver repeats it."""
    with OtlpReceiver() as receiver:
        body = f"bad token {CANARY}".encode()
        receiver.answer(401, {"content-type": "text/plain"}, body, times=3)
        place = receiver.http_endpoint.partition("//")[2]
        monkeypatch.setenv(ENDPOINT, f"http://me:{CANARY}@{place}/?key={CANARY}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"api-key={CANARY}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADER", f"api-key={CANARY}")
        monkeypatch.setenv("TESTPILOT_OBS_METRICS_TOKEN", CANARY)
        main(["doctor", *form])

    printed = capsys.readouterr()
    assert "401" in printed.out or "404" in printed.out
    assert CANARY not in printed.out + printed.err


def test_代理の変数があれば言われる(receiver, monkeypatch, examine):
    """A proxy in the environment is not used, and that is said."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")

    assert "HTTPS_PROXY" in checks_of(examine()[1], "destinations")["proxy"]["message"]
