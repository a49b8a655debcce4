"""Random trace and span ids from one private generator, reseeded in a forked child."""

import os
import random

_random = random.Random(os.urandom(32))  # noqa: S311  # ids need to be unique, not secret

getrandbits = _random.getrandbits
"""``getrandbits(128) or 1`` is a trace id, ``getrandbits(64) or 1`` a span id; atomic in C."""

RANDOM = 0x02
"""The trace flag which says that a trace id is random: W3C Trace Context level 2.

OpenTelemetry has had a name for it since 1.42.
"""


def reseed() -> None:
    """Give a forked child a sequence of its own."""
    _random.seed(os.urandom(32))
