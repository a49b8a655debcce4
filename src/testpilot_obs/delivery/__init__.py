"""From a finished record to every exporter, within a deadline and with nothing uncounted."""

from testpilot_obs.delivery._build import Destination, build
from testpilot_obs.delivery._delivery import Delivery
from testpilot_obs.delivery._ledger import DeliveryReport, SignalStats, Stats, Tally
from testpilot_obs.delivery._open import open_destinations
from testpilot_obs.delivery._queue import SignalQueue

__all__ = [
    "Delivery",
    "DeliveryReport",
    "Destination",
    "SignalQueue",
    "SignalStats",
    "Stats",
    "Tally",
    "build",
    "open_destinations",
]
