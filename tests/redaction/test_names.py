"""Which keys are secret."""

import pytest

from testpilot_obs._core.redaction import DEFAULT_NAMES, Redactor

SECRET = [
    "password",
    "userPassword",
    "DB_PASSWORD",
    "passwd2",
    "X-Api-Key",
    "apiKey",
    "http.request.header.set-cookie",
    "Authorization",
    "proxy_auth",
    "access_token",
    "client_secret",
    "session",
    "AWSAccessKeyId",
    "Signature",
    "ssn",
    "csrfmiddlewaretoken",
    "connect.sid",
    "credit_card",
    "private-key",
    "credentials",
]
HARMLESS = [
    "author",
    "auth.method",
    "primary_key",
    "monkey",
    "tokens",
    "max_tokens",
    "gen_ai.usage.input_tokens",
    "token_count",
    "token.type",
    "session.duration",
    "secretary",
    "passwordless",
    "compass",
    "cardinality",
    "order",
    "key",
    "design",
]


@pytest.mark.parametrize("key", SECRET)
def test_秘密の名前は伏せられる(key):
    """The value of a secret key is replaced by the name of the rule."""
    redacted = Redactor().value(key, "canary")

    assert redacted.startswith("[redacted: ")


@pytest.mark.parametrize("key", HARMLESS)
def test_無害な名前はそのままである(key):
    """A key that only looks alike keeps its value."""
    assert Redactor().value(key, "canary") == "canary"


@pytest.mark.parametrize("name", DEFAULT_NAMES)
def test_既定の名前はどれも効き出所がある(name):
    """Each name of the default list works in usual spellings, and says whose list it is from."""
    redactor = Redactor()
    spellings = ("_".join(name.split()), "-".join(name.split()).upper(), name.title())

    assert [redactor.rule_of(spelling) for spelling in spellings] == [name] * 3
    assert DEFAULT_NAMES[name]


def test_真偽値と無は伏せない():
    """A flag, an empty text or nothing under a secret key says no secret."""
    redactor = Redactor()

    kept = [redactor.value("password", value) for value in (True, None, 0.5, "")]
    assert kept == [True, None, 0.5, ""]
    assert redactor.value("password", 1234) == "[redacted: password]"


def test_名前を足せる():
    """Names and patterns of keys are added; they win over words that tell about a secret."""
    redactor = Redactor(names=["insurance number", "x_*_internal", "token_id"])

    keys = ("insuranceNumber", "x_note_internal", "token_id", "x_note_internals")
    assert [redactor.rule_of(key) for key in keys] == [
        "insurance number",
        "x_*_internal",
        "token id",
        "",
    ]
    assert redactor.text("x_note_internal=canary") == "x_note_internal=[redacted: x_*_internal]"


def test_名前を許せる():
    """Names, keys and patterns are allowed; others go on being secret."""
    redactor = Redactor(allowed=["session", "card number", "public_*", "sessionToken"])

    keys = ("session", "public_token", "sessionToken", "refresh_token")
    assert [redactor.rule_of(key) for key in keys] == ["", "", "", "token"]
    assert redactor.text("4111 1111 1111 1111") == "4111 1111 1111 1111"


def test_キーが文字でなくてもよい():
    """Keys of any kind are taken."""
    redactor = Redactor()

    assert redactor.value(7, "x") == "x"
    assert redactor.rule_of([]) == ""


def test_覚えるキーには限りがある():
    """Very many keys do not fill the memory."""
    redactor = Redactor()
    for number in range(5_000):
        redactor.rule_of(f"key{number}")
        redactor.text(f"text number {number} and {number}")

    assert len(redactor.keys) <= 4_096
    for number in range(5_000):
        redactor.text(f"word number {number} and {number}")
    assert len(redactor.clean) <= 8_192
