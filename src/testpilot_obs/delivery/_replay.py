"""Send what lies on disk now, without a service that runs: for a person at a terminal."""

from collections.abc import Iterator
from typing import NamedTuple

from testpilot_obs.config import Config
from testpilot_obs.delivery._bell import now
from testpilot_obs.delivery._gate import Gate
from testpilot_obs.delivery._open import open_destinations
from testpilot_obs.delivery._sender import Sender
from testpilot_obs.delivery._spools import open_spool
from testpilot_obs.protocols import Signal


class Replayed(NamedTuple):
    """What became of one signal's records at one destination."""

    destination: str
    signal: Signal
    delivered: int
    lost: int
    """Refused, too old or damaged."""


def replay(config: Config, *, timeout_s: float) -> Iterator[Replayed]:
    """Send what the service of *config* has left on disk, to the destinations it has now.

    What a running process of the service is about to send is left to it.

    Args:
        config: The settings: service, destinations, spool.
        timeout_s: Longest time for each signal at each destination, in seconds.
    """
    for destination in open_destinations(config):
        for signal in destination.signals:
            spool = open_spool(config, destination.name, signal)
            if destination.exporter.wants_records or spool is None:
                continue
            sender = Sender(
                Gate(destination.exporter, name=destination.name, users=1),
                config.queue_bytes,
                timeout_s=destination.timeout_s,
                on_progress=bool,
                spool=spool,
            )
            sender.send_all(now() + timeout_s)
            sender.bank()
            sender.leave()
            books = sender.books()
            lost = sum(spool.lost_of_others.values()) + sender.refused_of_others
            yield Replayed(destination.name, signal, books.recovered, lost)
