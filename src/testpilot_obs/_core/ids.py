"""Random trace and span ids from one private generator, reseeded in a forked child."""

import os
import random

_random = random.Random(os.urandom(32))  # noqa: S311  # ids need to be unique, not secret  # ids need to be unique, not secret

getrandbits = _random.getrandbits
"""``getrandbits(128) or 1`` is a trace id, ``getrandbits(64) or 1`` a span id; atomic in C."""


def reseed() -> None:
    """Give a forked child a sequence of its own."""
    _random.seed(os.urandom(32))
