"""Card numbers that are given as numbers, and numbers that are none."""

import pytest

from testpilot_obs._core.redaction import Redactor

CARDS = [4111111111111111, 5555555555554444, 2223003122003222, 378282246310005, 30569309025904]
NONE = [4111111111111112, 1767225600000000000, 1767225600123, 79927398713, 9999999999999995]


@pytest.mark.parametrize("number", CARDS)
def test_数で書かれたカード番号も消される(number):
    """A whole number that looks like a card from front to check digit is redacted."""
    redactor = Redactor()

    assert redactor.attributes({"order": number}) == {"order": "[redacted: card number]"}
    assert redactor.value("x", (1, number)) == (1, "[redacted: card number]")


@pytest.mark.parametrize("number", [*NONE, -CARDS[0]])
def test_他の数はそのままである(number):
    """Moments, ids and numbers with a wrong check digit stay."""
    assert Redactor().value("x", number) == number


def test_許された番号は残る():
    """Who has identifiers that look like cards allows the kind."""
    assert Redactor(allowed=["card number"]).value("x", CARDS[0]) == CARDS[0]
