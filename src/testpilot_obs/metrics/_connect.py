"""What `init()` tells metrics."""

from testpilot_obs.config import Config
from testpilot_obs.metrics import _red, _registry


def connect(config: Config) -> None:
    """Follow the settings; the numbers themselves are there before and after."""
    # Before anything is counted: what waits in the journal at a fork is the parent's to tell.
    _registry.watch_forks()
    _red.use_buckets(config.transaction_buckets)
