"""Encoded records, put together to the ``Export…ServiceRequest`` of their signal.

The three requests have the same shape and the same field numbers: resource, then one group for
each scope, then the records.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from testpilot_obs.exporters._otlp_logs import encode_log
from testpilot_obs.exporters._otlp_metrics import encode_metric
from testpilot_obs.exporters._otlp_spans import encode_span
from testpilot_obs.exporters._otlp_values import attribute_writer, remember, text_field
from testpilot_obs.exporters._repair import attributes as mend
from testpilot_obs.exporters._wire import BYTES, delimited, tag
from testpilot_obs.protocols import Signal

_RESOURCE_GROUP, _RESOURCE, _SCOPE_GROUP, _SCOPE = (tag(n, BYTES) for n in (1, 1, 2, 1))
_NAME, _VERSION, _SCHEMA_URL = tag(1, BYTES), tag(2, BYTES), tag(3, BYTES)
_write_resource_attributes = attribute_writer(1)
_write_scope_attributes = attribute_writer(3)

_ENCODERS: dict[Signal, Callable[[Any], bytes]] = {
    "traces": encode_span,
    "logs": encode_log,
    "metrics": encode_metric,
}
_MAX_SCOPES = 1024
_named_scopes: dict[Any, bytes] = {}
# By identity, as the hash of OpenTelemetry's scope costs more than encoding an attribute; the
# scope is kept beside its key so that its id is not given to another object.
_span_scopes: dict[int, tuple[Any, bytes]] = {}


def encode_record(signal: Signal, record: Any) -> bytes:
    """Return one record, encoded once and for all, ready for `assemble`."""
    return _ENCODERS[signal](record)


def scope_key(signal: Signal, record: Any) -> Hashable:
    """Return what records of one scope have in common; the keys of `assemble`'s groups."""
    if signal == "traces":
        scope = record.scope
        known = _span_scopes.get(id(scope))
        return known[1] if known is not None and known[0] is scope else _span_scope(scope)
    return named_scope_key(record.logger if signal == "logs" else record.scope_name)


def named_scope_key(name: Any) -> bytes:
    """Return the `scope_key` of records whose scope has nothing but a *name*."""
    if type(name) is not str:
        return delimited(_SCOPE, text_field(_NAME, name))
    return _named_scopes.get(name) or _named_scope(name)


def assemble(
    signal: Signal,  # noqa: ARG001  # for the day when they differ
    resource: Mapping[str, Any],
    groups: Mapping[Hashable, Sequence[bytes]],
) -> bytes:
    """Return the signal's ``Export…ServiceRequest``.

    Args:
        signal: Whose records they are.
        resource: Attributes that describe this process.
        groups: Encoded records by their `scope_key`.
    """
    described: list[bytes] = []
    _write_resource_attributes(mend(resource) or {}, described.append)
    scopes = [
        delimited(_SCOPE_GROUP, b"".join((key, *records)))  # type: ignore[arg-type]
        for key, records in groups.items()
    ]
    body = delimited(_RESOURCE, b"".join(described)) + b"".join(scopes)
    return delimited(_RESOURCE_GROUP, body)


def _span_scope(scope: Any) -> bytes:
    body = [text_field(_NAME, scope.name or "")]
    if scope.version:
        body.append(text_field(_VERSION, scope.version))
    _write_scope_attributes(mend(scope.attributes) or {}, body.append)
    key = delimited(_SCOPE, b"".join(body))
    if scope.schema_url:
        key += text_field(_SCHEMA_URL, scope.schema_url)
    if len(_span_scopes) >= _MAX_SCOPES:
        _span_scopes.clear()
    _span_scopes[id(scope)] = (scope, key)
    return key


def _named_scope(name: str) -> bytes:
    key = delimited(_SCOPE, text_field(_NAME, name))
    remember(_named_scopes, name, key)
    return key
