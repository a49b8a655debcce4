"""Most traces a second."""

import random

from testpilot_obs.delivery._cap import Cap
from testpilot_obs.delivery._held import Held
from testpilot_obs.delivery._keep import Keeper, Policy
from testpilot_obs.delivery._threshold import SPACE, adjusted_count
from tests.delivery.records import LocalTrace, th


def held(randomness, *, priority=False):
    """Return a local trace that is known by its randomness."""
    made = Held(0.0)
    made.randomness, made.priority = randomness, priority
    return made


def offer_all(cap, randomnesses, *, now, priority=False):
    """Offer traces, then end the window; return what is kept."""
    for one in randomnesses:
        cap.offer(held(one, priority=priority), now)
    return cap.settle()


def test_枠の内なら全て残る():
    """As many as are allowed are kept, each for itself."""
    kept = offer_all(Cap(5, 1.0), [5, 1, 4, 2, 3], now=0.0)

    assert sorted(one.randomness for one in kept) == [1, 2, 3, 4, 5]
    assert {one.threshold for one in kept} == {0}


def test_枠を超えれば乱数の大きいものが残る():
    """Of too many those with most randomness are kept; the best that is not is the threshold."""
    kept = offer_all(Cap(2, 1.0), [10, 40, 20, 30], now=0.0)

    assert sorted(one.randomness for one in kept) == [30, 40]
    assert {one.threshold for one in kept} == {21}


def test_大事な跡は後に残る():
    """Failed and slow traces go last; when they do, each kind has a threshold of its own."""
    cap = Cap(2, 1.0)
    for place in range(1, 4):
        cap.offer(held(place, priority=True), 0.0)
        cap.offer(held(1_000 + place), 0.0)

    assert sorted((one.randomness, one.threshold) for one in cap.settle()) == [(2, 2), (3, 2)]


def test_使わない枠は溜まるが限りがある():
    """What was not used in the time between two looks may be used, but no more."""
    cap = Cap(10, 5.0)
    offer_all(cap, [1], now=0.0)

    assert len(offer_all(cap, range(1, 999), now=3.0)) == 39
    assert len(offer_all(cap, range(1, 999), now=1_000.0)) == 50
    assert len(offer_all(cap, range(1, 999), now=1_000.1)) == 1


def test_見積もりに偏りがない():
    """The adjusted counts of what is kept add up to what was offered, on average."""
    chance = random.Random(7)
    estimates = []
    for _ in range(400):
        kept = offer_all(Cap(20, 1.0), [chance.randrange(SPACE) for _ in range(200)], now=0.0)
        estimates.append(sum(adjusted_count(one.threshold) for one in kept))

    # The mean of 400 has a standard deviation of 2.4.
    assert abs(sum(estimates) / len(estimates) - 200) < 12


def test_一秒の間待ってから全体が出る():
    """Whole traces wait for the end of the second; late spans of theirs with them."""
    keeper = Keeper(Policy(per_second=1))
    high, low = LocalTrace(0.9), LocalTrace(0.1)

    assert keeper.choose([low.child(), low.root(), high.child(), high.root(), high.child()]) == []
    assert keeper.settle() == []
    assert keeper.pause_s <= 1.0
    kept = keeper.settle(everything=True)

    assert len(kept) == 3
    assert {span.local.trace_id for span in kept} == {high.trace_id}
    assert len({th(span) for span in kept}) == 1
    assert keeper.left_out == {"sampled_out": 2}
