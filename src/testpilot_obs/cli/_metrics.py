"""``testpilot-obs metrics``: which metrics there are, and which of them are large."""

import argparse
import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from testpilot_obs import config, metrics
from testpilot_obs.cli._table import print_table
from testpilot_obs.errors import ObsError

DESCRIPTION = """\
List the metrics that the library and your modules declare, or ask a running service which of
its metrics have most label sets."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``metrics`` accepts."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="print the catalogue")
    listing.add_argument("modules", nargs="*", help="modules to import first, e.g. shop.metrics")
    listing.add_argument("--json", action="store_true", help="print a JSON list")
    listing.set_defaults(act=_list)
    top = actions.add_parser("top", help="print the metrics with most label sets")
    top.add_argument("--url", help="where the metrics are served; default: as in the settings")
    top.add_argument("--count", type=int, default=10, help="how many to print; default 10")
    top.add_argument("--json", action="store_true", help="print a JSON list")
    top.set_defaults(act=_top)


def run(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    status: int = options.act(options)
    return status


def _list(options: argparse.Namespace) -> int:
    sys.path.insert(0, str(Path.cwd()))
    for name in options.modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            message = f"cannot import {name}: {error}"
            raise ObsError(message) from error
    entries = metrics.catalogue()
    if options.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return 0
    rows = [("metric", "kind", "unit", "labels", "declared at", "help")]
    rows += [
        (one.name, one.kind, one.unit, ",".join(one.labels), one.declared_at, one.help)
        for one in entries
    ]
    print_table(rows)
    return 0


def _top(options: argparse.Namespace) -> int:
    settings = config.load({})
    url = options.url or f"http://{settings.prometheus_host}:{settings.prometheus_port}/metrics"
    text = metrics.fetch(url, token=settings.metrics_token)
    sizes = metrics.sizes_of_text(text)[: options.count]
    if options.json:
        print(json.dumps([one._asdict() for one in sizes], indent=2))
        return 0
    rows = [("metric", "label sets", "overflowed", "label with most values", "values")]
    rows += [
        (
            one.metric,
            str(one.label_sets),
            "yes" if one.overflowed else "no",
            one.largest_label,
            str(one.values),
        )
        for one in sizes
    ]
    print_table(rows)
    return 0
