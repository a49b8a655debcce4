"""Metrics as OTLP protobuf, compared field by field with the official messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from testpilot_obs.protocols import MetricFamily, MetricKind, Point
from tests.exporters.builders import Batch, decoded, decoded_metric, pairs
from tests.exporters.strategies import TEXT, UINT64

LABELS = st.dictionaries(TEXT, TEXT, max_size=4)
BOUNDS = st.lists(st.floats(allow_nan=False), max_size=5, unique=True).map(sorted).map(tuple)


@st.composite
def points(draw):
    """Return a series of any kind."""
    bounds = draw(BOUNDS)
    counts = [draw(UINT64) for _ in range(len(bounds) + 1)]
    return Point(draw(LABELS), draw(st.floats()), draw(UINT64), tuple(counts), bounds, draw(UINT64))


FAMILIES = st.builds(
    MetricFamily,
    TEXT,
    st.sampled_from(MetricKind),
    TEXT,
    TEXT,
    st.lists(points(), max_size=3),
    UINT64,
)


def official(family):
    """Return the official message of a metric."""
    fields = {
        MetricKind.COUNTER: ("sum", official_number, {"is_monotonic": True}),
        MetricKind.GAUGE: ("gauge", official_number, {}),
        MetricKind.HISTOGRAM: ("histogram", official_histogram, {}),
        MetricKind.SUMMARY: ("summary", official_summary, {}),
    }
    name, point_of, more = fields[family.kind]
    if family.kind in {MetricKind.COUNTER, MetricKind.HISTOGRAM}:
        more = {**more, "aggregation_temporality": pb.AGGREGATION_TEMPORALITY_CUMULATIVE}
    data = {"data_points": [point_of(family, point) for point in family.points], **more}
    return pb.Metric(
        name=family.name, description=family.documentation, unit=family.unit, **{name: data}
    )


def common(family, point):
    """Return the fields that points of all kinds have."""
    return {
        "attributes": pairs(point.labels),
        "start_time_unix_nano": point.start_ns,
        "time_unix_nano": family.time_ns,
    }


def official_number(family, point):
    """Return the official message of a counter's or gauge's point."""
    return pb.NumberDataPoint(as_double=point.value, **common(family, point))


def official_histogram(family, point):
    """Return the official message of a histogram's point."""
    return pb.HistogramDataPoint(
        count=point.count,
        sum=point.value,
        bucket_counts=point.bucket_counts,
        explicit_bounds=point.bounds,
        **common(family, point),
    )


def official_summary(family, point):
    """Return the official message of a summary's point."""
    return pb.SummaryDataPoint(count=point.count, sum=point.value, **common(family, point))


@given(FAMILIES)
def test_どの指標も公式のメッセージと同じになる(family):
    """Every field of every metric reads as in the official message."""
    ours = decoded_metric(family)

    assert normal(ours) == normal(official(family))


def normal(metric):
    """Return what two messages have in common if they say the same, down to the sign of zero."""
    # proto3 does not write a plain 0; reading it back gives 0 either way.
    return type(metric).FromString(metric.SerializeToString()).SerializeToString(deterministic=True)


@pytest.mark.guarded
@pytest.mark.parametrize("kind", MetricKind)
def test_おかしな数の系列は隣を巻き込まない(kind):
    """A series with numbers that are none is written as zero, and the others as they are."""
    bad = Point({1: None}, "much", -1, ("x", -1), ("y",), 2**80)
    family = MetricFamily("m", kind, "", "", [bad, Point({"a": "b"}, 2.0, 1, (1,), (), 5)], 10)
    metric = decoded_metric(family)
    first, second = getattr(metric, metric.WhichOneof("data")).data_points

    assert first.attributes[0].key == "1"
    assert second.start_time_unix_nano == 5


def test_指標は名前のついたスコープに入る():
    """The scope is the one that the family names."""
    family = MetricFamily("m", MetricKind.GAUGE, "", "", [Point({})], 1, scope_name="mine")
    request = decoded(Batch(family, signal="metrics"))

    assert request.resource_metrics[0].scope_metrics[0].scope.name == "mine"
