"""What `init()` tells metrics."""

from testpilot_obs.config import Config
from testpilot_obs.metrics import _red


def connect(config: Config) -> None:
    """Follow the settings; the numbers themselves are there before and after."""
    _red.use_buckets(config.transaction_buckets)
