"""Finished records without secrets; a record that is clean is returned as it is."""

import copy
from dataclasses import replace
from typing import Any

from opentelemetry.trace import Status

from testpilot_obs._core import diagnostics
from testpilot_obs._core.redaction._redactor import UNREADABLE, Redactor
from testpilot_obs._core.values import text
from testpilot_obs.protocols import LogRecord, MetricFamily, Point


def redact_span(redactor: Redactor, span: Any) -> Any:
    """Return a `SpanRecord` without secrets, a copy if it has any; called on the worker.

    Of one that cannot be read, only its ids and times are left.
    """
    try:
        return span if _is_known(redactor, span) else _redact_span(redactor, span)
    except Exception:
        diagnostics.warn_once("redact:span", "a span cannot be read, so its contents stay here")
        bare = copy.copy(span)
        bare.attrs, bare.extra, bare.name = None, None, UNREADABLE
        return bare


def _is_known(redactor: Redactor, span: Any) -> bool:
    """Return whether all of a span is known to be clean; what most spans cost is this."""
    knows = redactor.knows
    extra, attrs = span.extra, span.attrs
    if span.name not in redactor.clean or (attrs and not knows(attrs)):
        return False
    if extra is None:
        return True
    if extra.links or extra.status is not None:
        return False
    for name, _, attributes in extra.events or ():
        if name not in redactor.clean or (attributes and not knows(attributes)):
            return False
    return True


def _redact_span(redactor: Redactor, span: Any) -> Any:
    attrs = span.attrs
    clean_attrs = redactor.attributes(attrs) if attrs else attrs
    extra = span.extra
    clean_extra = extra if extra is None else _extra(redactor, extra)
    name = span.name
    clean_name = _name(redactor, name)
    if clean_attrs is attrs and clean_extra is extra and clean_name is name:
        return span
    redacted = copy.copy(span)
    redacted.attrs, redacted.extra, redacted.name = clean_attrs, clean_extra, clean_name
    return redacted


def _name(redactor: Redactor, name: Any) -> Any:
    words = name if type(name) is str else text(name)
    clean = redactor.text(words)
    return name if clean == words else clean


def redact_log(redactor: Redactor, record: LogRecord) -> LogRecord:
    """Return a log record without secrets, a copy if it has any."""
    body = redactor.value("", record.body)
    attributes = redactor.attributes(record.attributes)
    if body is record.body and attributes is record.attributes:
        return record
    return replace(record, body=body, attributes=dict(attributes))


def redact_family(redactor: Redactor, family: MetricFamily) -> MetricFamily:
    """Return a metric whose labels hold no secrets, a copy if any did."""
    points = [_point(redactor, point) for point in family.points]
    if all(new is old for new, old in zip(points, family.points, strict=True)):
        return family
    return replace(family, points=points)


def _point(redactor: Redactor, point: Point) -> Point:
    labels = redactor.attributes(point.labels)
    return point if labels is point.labels else replace(point, labels=dict(labels))


def _extra(redactor: Redactor, extra: Any) -> Any:
    events = _events(redactor, extra.events)
    links = _links(redactor, extra.links)
    status = _status(redactor, extra.status)
    if events is extra.events and links is extra.links and status is extra.status:
        return extra
    redacted = copy.copy(extra)
    redacted.events, redacted.links, redacted.status = events, links, status
    return redacted


def _events(redactor: Redactor, events: Any) -> Any:
    if not events:
        return events
    redacted = [
        (
            redactor.text(name) if type(name) is str else name,
            time_ns,
            redactor.attributes(attributes) if attributes else attributes,
        )
        for name, time_ns, attributes in list(events)
    ]
    is_same = all(
        new[0] is old[0] and new[2] is old[2] for new, old in zip(redacted, events, strict=False)
    )
    return events if is_same else redacted


def _links(redactor: Redactor, links: Any) -> Any:
    if not links:
        return links
    redacted = [
        (context, redactor.attributes(attributes) if attributes else attributes)
        for context, attributes in list(links)
    ]
    is_same = all(new[1] is old[1] for new, old in zip(redacted, links, strict=False))
    return links if is_same else redacted


def _status(redactor: Redactor, status: Any) -> Any:
    description = getattr(status, "description", None)
    if type(description) is not str:
        return status
    clean = redactor.text(description)
    return status if clean is description else Status(status.status_code, clean)
