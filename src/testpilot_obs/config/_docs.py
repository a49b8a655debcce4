"""The page about the settings, made from the tables that are used to read them."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING
from itertools import pairwise
from typing import Any

from testpilot_obs.config import _env, _schema

_BY_FIELD = {name: variable for variable, name in _env.VARIABLES.items()}

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "The service": ("service_name", "service_version", "environment", "resource_attributes"),
    "The library": ("disabled", "strict", "providers", "otel_log_level"),
    "Logs": ("log_", "audit_"),
    "Redaction": ("redact",),
    "Where telemetry goes": ("traces_exporter", "metrics_exporter", "logs_exporter", "otlp_file"),
    "OTLP": ("otlp_",),
    "Waiting and sending": ("bsp_", "blrp_", "metric_export_", "queue_bytes", "exit_timeout_s"),
    "On disk": ("spool", "durability"),
    "Metrics": ("metrics_", "max_label_", "prometheus_", "multiprocess"),
    "Limits": ("attribute_", "span_", "event_", "link_", "logrecord_"),
    "Sampling and propagation": ("traces_sampler", "propagators"),
    "Transactions": ("memory", "slow_transaction_s", "transaction_buckets"),
}
"""Titles, and what the names of their settings begin with; the first that fits is taken."""

_HEAD = """\
# Settings

<!-- Made by scripts/generate_config_docs.py from the tables in src/testpilot_obs/config. -->

Every setting can be an argument of `init()`, an environment variable or a key in a file.
An argument wins over the environment, the environment over the file, the file over the default.
`handle.config.source_of("service_name")` tells where a value is from.

The file is the nearest `pyproject.toml`, from the current directory upwards, with its table \
`[tool.testpilot_obs]`.
`TESTPILOT_OBS_CONFIG_FILE` names another one; if it is not called `pyproject.toml` it may have \
the settings at its top level.
Keys are the same as the arguments.
A `pyproject.toml` in a folder that everyone can write to is not trusted, unless it is named.

```toml
[tool.testpilot_obs]
service_name = "testpilot-api"
exit_timeout_s = "500ms"
resource_attributes = { team = "core" }
```

`OTEL_*` variables mean what the OpenTelemetry specification says.
An empty variable counts as not set.
Booleans are only `true` and `false`.
Durations are `500ms`, `2s`, `5m` or `1h`; a number without a unit is in milliseconds in an \
`OTEL_*` variable, and in seconds everywhere else.
Sizes are `64kb` or `100mb`, in powers of 1024; a number without a unit is in bytes.
Lists are separated by commas; arguments and files may have real lists.

A value from the environment or a file that cannot be used is reported once on the library's own \
logger and ignored.
An argument that cannot be used raises one `ConfigError` that lists all problems; with \
`init(strict=True)` the environment and the file raise, too.
A name that is most likely mistyped is reported with the name that was probably meant.

Headers and tokens are secrets: they are never shown, and neither are the user, password and \
query of an endpoint.
A user and password in an endpoint are sent as an `Authorization` header.
"""

_SIGNALS_NOTE = """\
A setting for one signal wins over the one for all.
The base endpoint gets `/v1/traces`, `/v1/metrics` or `/v1/logs` for HTTP, an endpoint for one \
signal is used as it is.
With an exporter `otlp` and no endpoint, it is `http://localhost:4318` for HTTP and \
`http://localhost:4317` for gRPC.
"""

_NOT_USED = """\
## Known and not used

These are variables of the OpenTelemetry specification that change nothing here.
Setting one of them to something else than what is done anyway is reported once.
"""


def render() -> str:
    """Return the page ``docs/configuration.md``."""
    sections = [_HEAD]
    for title, names in _grouped().items():
        sections.append(f"## {title}\n")
        if title == "OTLP":
            sections.append(_SIGNALS_NOTE)
        sections.append("\n".join(_table(names)) + "\n")
    listed = "\n".join(f"* `{name}`" for name in _env.NOT_USED)
    return "\n".join([*sections, _NOT_USED, listed + "\n"])


def _grouped() -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {title: [] for title in _GROUPS}
    for name in _schema.RULES:
        groups[_title(name)].append(name)
    return groups


def _title(name: str) -> str:
    exact = (title for title, starts in _GROUPS.items() if name in starts)
    begun = (title for title, starts in _GROUPS.items() if name.startswith(starts))
    return next(exact, None) or next(begun)


def _table(names: Iterable[str]) -> Iterator[str]:
    sentences = _sentences()
    yield "| argument and key | variable | what it is | accepts | default |"
    yield "|---|---|---|---|---|"
    for name in names:
        variable = f"`{_BY_FIELD[name]}`" if name in _BY_FIELD else ""
        accepts = _schema.RULES[name].expected
        yield f"| `{name}` | {variable} | {sentences[name]} | {accepts} | {_default(name)} |"


def _default(name: str) -> str:
    value: Any = _schema.DEFAULTS[name]
    if value is MISSING:
        return "`unknown_service:` and the name of the program"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(str(part) for part in value)}`" if value else ""
    return f"`{value}`" if value not in (None, "", {}) else ""


def _sentences() -> dict[str, str]:
    """Return the string that stands under each field of ``Config``."""
    body = ast.parse(inspect.getsource(_schema.Config)).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    found = {}
    for above, below in pairwise(statements):
        if isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name):
            text = below.value if isinstance(below, ast.Expr) else None
            if isinstance(text, ast.Constant):
                found[above.target.id] = " ".join(str(text.value).split())
    return found
