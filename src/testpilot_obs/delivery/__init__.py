"""From a finished record to every exporter, within a deadline and with nothing uncounted."""

from testpilot_obs.delivery._build import Destination, build
from testpilot_obs.delivery._delivery import Delivery
from testpilot_obs.delivery._ledger import DeliveryReport, SignalStats, Stats, Tally
from testpilot_obs.delivery._open import open_destinations
from testpilot_obs.delivery._queue import SignalQueue
from testpilot_obs.delivery._replay import Replayed, replay
from testpilot_obs.delivery._spools import spool_root

__all__ = [
    "Delivery",
    "DeliveryReport",
    "Destination",
    "Replayed",
    "SignalQueue",
    "SignalStats",
    "Stats",
    "Tally",
    "build",
    "open_destinations",
    "replay",
    "spool_root",
]
