"""Secrets inside of texts: by name, by looks, in bounded time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testpilot_obs._core.redaction import Redactor

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
KEY = "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----"
TABLE = [
    ("password=canary", "password=[redacted: password]"),
    ("{'password': 'canary', 'a': 1}", "{'password': '[redacted: password]', 'a': 1}"),
    ('{"api_key":"canary","x":1}', '{"api_key":"[redacted: api key]","x":1}'),
    (r"{\"password\": \"canary\"}", r"{\"password\": \"[redacted: password]\"}"),
    ("GET /x?token=canary&y=1", "GET /x?token=[redacted: token]&y=1"),
    ("Authorization: Digest a=canary, b=c", "Authorization: [redacted: authorization]"),
    ("Cookie: a=canary; b=2\nnext", "Cookie: [redacted: cookie]\nnext"),
    (
        'headers["Authorization"] = "canary"',
        'headers["Authorization"] = "[redacted: authorization]"',
    ),
    ("Server=x;Password=canary;Database=y", "Server=x;Password=[redacted: password];Database=y"),
    ("run --password canary now", "run --password [redacted: password] now"),
    ('body="password=canary"', 'body="password=[redacted: password]"'),
    ("password='it\\'s a canary' x", "password='[redacted: password]' x"),
    ("db.connect(passwd='canary', port=5)", "db.connect(passwd='[redacted: passwd]', port=5)"),
    ("Bearer canary12", "Bearer [redacted: bearer token]"),
    ("Basic dXNlcjpjYW5hcnk=", "Basic [redacted: basic credentials]"),
    (f"got {JWT}.", "got [redacted: jwt]"),
    (f"a {KEY} b", "a [redacted: private key] b"),
    ("a -----BEGIN PRIVATE KEY-----\ncanary", "a [redacted: private key]"),
    ("key AKIAIOSFODNN7EXAMPLE", "key [redacted: aws key]"),
    ("ghp_" + "c" * 36, "[redacted: access token]"),
    ("card 4111 1111-1111 1111!", "card [redacted: card number]!"),
    ("postgres://u:canary@h/db", "postgres://u:[redacted: connection string password]@h/db"),
    ("postgres://u:c@na/ry@h/db", "postgres://u:[redacted: connection string password]@h/db"),
    ("amqp://:canary@h", "amqp://:[redacted: connection string password]@h"),
    ("https://me:canary@h/x?e=a@b", "https://me:[redacted: connection string password]@h/x?e=a@b"),
    ("https://" + "c" * 30 + "@h/x", "https://[redacted: url credentials]@h/x"),
]
HARMLESS = [
    "",
    "order 17 placed",
    "basic authentication and bearer authentication are off",
    "author=me, monkey: 3, max_tokens=1500",
    "at 1700000000123456789 ns",
    "4111 1111 1111 1112 is no card",
    "1111 1111 1111 1111",
    "https://host:8080/path?email=a@b",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "see https://user@host/ and mailto:a@b.example",
    "token: ",
    "x=" + "'a=b c=d'",
    "-- a comment",
]
n = 65_000
HARD = {
    "letters": "a" * n,
    "names": "password=" * (n // 9),
    "digits": "4 " * (n // 2),
    "jwt": "eyJaaaaaaaa." * (n // 12),
    "urls": "://u:" * (n // 5) + "@",
    "quotes": 'a="' * (n // 3) + "password=",
    "backslashes": 'password="' + "\\" * n,
    "separators": "password=" + ";a" * (n // 2),
    "bearers": "Bearer " * (n // 7),
    "keys": "-----BEGIN PRIVATE KEY-----" * (n // 27),
    "spaces": " " * n + "=token",
    "10 MB": "password=x " * 900_000,
    "10 MB of letters": "x" * 10_000_000,
}


@pytest.mark.parametrize(("words", "expected"), TABLE)
def test_文中の秘密は伏せられる(words, expected):
    """The secret goes, what is around it stays."""
    assert Redactor().text(words) == expected


@pytest.mark.parametrize(("words", "_expected"), TABLE)
def test_二度伏せても同じである(words, _expected):
    """What is redacted is not redacted again."""
    redactor = Redactor()
    once = redactor.text(words)

    assert redactor.text(once) == once


@pytest.mark.parametrize("words", HARMLESS)
def test_無害な文はそのままである(words):
    """A text without a secret is returned as the same object."""
    redactor = Redactor()

    assert redactor.text(words) is words
    assert redactor.text(words) is words


@pytest.mark.parametrize("name", HARD)
def test_意地の悪い文でも時間は限られる(name):
    """No text takes long, however it is made up; a quadratic pattern would take minutes."""
    began = time.thread_time()
    Redactor().text(HARD[name])

    assert time.thread_time() - began < 0.5


@given(st.text(max_size=200))
def test_どんな文でも例外を出さない(words):
    """Any text is taken, and the result is stable."""
    redactor = Redactor()
    once = redactor.text(words)

    assert redactor.text(once) == once


def test_電子メールは頼まれたときだけ伏せる():
    """Addresses stay, unless asked for."""
    words = "mail to jo.do+x@mail.example.org now"

    assert Redactor().text(words) == words
    assert Redactor(redacts_email=True).text(words) == "mail to [redacted: e-mail] now"


def test_利用者の型を足せる():
    """A kind of one's own is found like the others."""
    redactor = Redactor(patterns={"ticket": r"T-\d{6}"})

    assert redactor.text("see T-123456") == "see [redacted: ticket]"


def test_利用者が決められる():
    """A callback sees path, value and rule; what it returns stands there, None lets it go."""
    seen = []

    def decide(match):
        seen.append((match.path, match.value, match.rule))
        return "kept" if match.rule == "token" else None

    redactor = Redactor(decide=decide)
    redacted = redactor.value("user", {"token": "a", "more": ("password=b",)})

    assert redacted == {"token": "kept", "more": ("password=[redacted: password]",)}
    assert seen == [
        (("user", "token"), "a", "token"),
        (("user", "more", "", "password"), "b", "password"),
    ]


def test_決める関数が壊れても秘密は出ない():
    """A callback that raises counts as silent."""

    def decide(match):
        raise ValueError

    assert Redactor(decide=decide).value("token", "a") == "[redacted: token]"


@pytest.mark.guarded
def test_読めない文は丸ごと伏せる(monkeypatch):
    """If a rule fails, nothing of the text goes out."""
    redactor = Redactor()
    monkeypatch.setattr(redactor, "_rules", None)

    assert redactor.text("password=canary") == "[redacted: unreadable]"


def test_長い文は切られる():
    """Beyond 64 kB a text is cut before it is searched."""
    redacted = Redactor().text("x " * 100_000 + "password=canary")

    assert "canary" not in redacted
    assert redacted.endswith("… [cut, 200015 characters]")


def test_覚える文の数には限りがある():
    """Texts that were found clean are remembered, a bounded number of them."""
    redactor, most = Redactor(), 0
    for number in range(20_000):
        redactor.text(f"line {number}")
        most = max(most, len(redactor.clean))

    assert 1_000 < most <= 8_192
