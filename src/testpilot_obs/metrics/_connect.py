"""What `init()` tells metrics."""

import os
from typing import TYPE_CHECKING

from testpilot_obs._core import diagnostics
from testpilot_obs.config import Config
from testpilot_obs.metrics import (
    _budget,
    _cells,
    _exemplars,
    _exponential,
    _journal,
    _provide,
    _red,
    _self,
    _series,
)
from testpilot_obs.metrics._collect import collect
from testpilot_obs.metrics._registry import instruments, watch_forks
from testpilot_obs.metrics._self import Books
from testpilot_obs.metrics._temporality import Collect, Deltas

if TYPE_CHECKING:
    from testpilot_obs.metrics._server import MetricsServer

_EXPONENTIAL = "base2_exponential_bucket_histogram"


def connect(config: Config, books: Books | None = None) -> None:
    """Follow the settings; the numbers themselves are there before and after.

    Args:
        config: The settings.
        books: Returns what was delivered and lost, by signal.
    """
    # Before anything is counted: what waits in the journal at a fork is the parent's to tell.
    watch_forks()
    _red.use_buckets(config.transaction_buckets)
    _budget.settings.max_sets = config.max_label_sets
    _budget.settings.max_length = config.max_label_length
    _exemplars.use(config.metrics_exemplars)
    with _journal.settled():
        _exponential.use(instruments(), wanted=config.metrics_histograms == _EXPONENTIAL)
        _exemplars.wake(instruments())
    if books is not None:
        _self.declare(config, books)
    _share(config)
    if not config.disabled:
        _provide.provide()


def _share(config: Config) -> None:
    """Let other processes of the service see the numbers, if the settings say so."""
    is_wanted = config.multiprocess and not config.disabled
    if is_wanted and not hasattr(os, "fork"):
        diagnostics.warn_once("multiprocess", "metrics of several processes need a POSIX system")
        is_wanted = False
    if is_wanted:
        from testpilot_obs.metrics import _folder

        try:
            path = config.multiprocess_dir or _folder.default_folder(config.service_name)
        except OSError as error:
            diagnostics.warn_once("multiprocess", "metrics are not shared: %s", error)
            is_wanted = False
    if is_wanted:
        from testpilot_obs.metrics import _shared

        is_wanted = _shared.join(path, instruments())
    elif _cells.is_shared():
        from testpilot_obs.metrics import _shared

        _shared.leave(instruments())
    # What waits in a journal would be lost with a worker that is killed.
    high = -1 if is_wanted else _journal.HIGH
    _series.use_high(high)
    _red.use_high(high)
    _journal.settle_at(high)


def collector(config: Config) -> Collect:
    """Return what the push collects with: totals, or what came since the collection before."""
    return collect if config.metrics_temporality == "cumulative" else Deltas(collect)


def open_server(config: Config) -> "MetricsServer | None":
    """Serve the metrics over HTTP if the settings ask for it and the port can be had."""
    if config.disabled or "prometheus" not in (config.exporters("metrics") or ()):
        return None
    from testpilot_obs.metrics import _server

    return _server.serve(
        config.prometheus_host,
        config.prometheus_port,
        token=config.metrics_token,
        is_shared=config.multiprocess,
    )
