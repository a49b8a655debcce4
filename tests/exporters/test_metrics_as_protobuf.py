"""Metrics as OTLP protobuf, compared field by field with the official messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from testpilot_obs.protocols import (
    Exemplar,
    ExponentialBuckets,
    Labels,
    MetricFamily,
    MetricKind,
    Point,
)
from tests.exporters.builders import Batch, decoded, decoded_metric, pairs
from tests.exporters.strategies import TEXT, UINT64

LABELS = st.dictionaries(TEXT, TEXT, max_size=4) | st.dictionaries(TEXT, TEXT, max_size=4).map(
    Labels
)
EXEMPLARS = st.lists(
    st.builds(
        Exemplar,
        st.floats(),
        UINT64,
        st.integers(0, 2**128 - 1),
        st.integers(0, 2**64 - 1),
    ),
    max_size=2,
)
BOUNDS = st.lists(st.floats(allow_nan=False), max_size=5, unique=True).map(sorted).map(tuple)


@st.composite
def points(draw):
    """Return a series of any kind."""
    bounds = draw(BOUNDS)
    counts = [draw(UINT64) for _ in range(len(bounds) + 1)]
    return Point(
        draw(LABELS),
        draw(st.floats()),
        draw(UINT64),
        tuple(counts),
        bounds,
        draw(UINT64),
        draw(EXEMPLARS),
    )


FAMILIES = st.builds(
    MetricFamily,
    TEXT,
    st.sampled_from(MetricKind),
    TEXT,
    TEXT,
    st.lists(points(), max_size=3),
    UINT64,
    is_delta=st.booleans(),
)


def official(family):
    """Return the official message of a metric."""
    fields = {
        MetricKind.COUNTER: ("sum", official_number, {"is_monotonic": True}),
        MetricKind.GAUGE: ("gauge", official_number, {}),
        MetricKind.INFO: ("gauge", official_number, {}),
        MetricKind.STATE_SET: ("gauge", official_number, {}),
        MetricKind.HISTOGRAM: ("histogram", official_histogram, {}),
        MetricKind.SUMMARY: ("summary", official_summary, {}),
    }
    name, point_of, more = fields[family.kind]
    if family.kind in {MetricKind.COUNTER, MetricKind.HISTOGRAM}:
        temporality = (
            pb.AGGREGATION_TEMPORALITY_DELTA
            if family.is_delta
            else pb.AGGREGATION_TEMPORALITY_CUMULATIVE
        )
        more = {**more, "aggregation_temporality": temporality}
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
    return pb.NumberDataPoint(
        as_double=point.value, exemplars=official_exemplars(point), **common(family, point)
    )


def official_histogram(family, point):
    """Return the official message of a histogram's point."""
    return pb.HistogramDataPoint(
        count=point.count,
        sum=point.value,
        bucket_counts=point.bucket_counts,
        explicit_bounds=point.bounds,
        exemplars=official_exemplars(point),
        **common(family, point),
    )


def official_exemplars(point):
    """Return the official messages of a point's exemplars."""
    return [
        pb.Exemplar(
            time_unix_nano=kept.time_ns,
            as_double=kept.value,
            trace_id=kept.trace_id.to_bytes(16, "big") if kept.trace_id else b"",
            span_id=kept.span_id.to_bytes(8, "big") if kept.trace_id else b"",
        )
        for kept in point.exemplars
    ]


def official_summary(family, point):
    """Return the official message of a summary's point."""
    return pb.SummaryDataPoint(count=point.count, sum=point.value, **common(family, point))


def test_指数の範囲も公式のメッセージと同じになる():
    """Ranges of negative and positive values, with scale, offsets and what is zero."""
    ranges = ExponentialBuckets(-3, 2, -5, (1, 300, 0, 2), 7, (4,))
    point = Point(Labels(kind="a"), 1.5, start_ns=3, exponential=ranges)

    metric = decoded_metric(MetricFamily("x", MetricKind.HISTOGRAM, "d", "s", [point], 9))

    assert metric.exponential_histogram == pb.ExponentialHistogram(
        aggregation_temporality=pb.AGGREGATION_TEMPORALITY_CUMULATIVE,
        data_points=[
            pb.ExponentialHistogramDataPoint(
                count=309,
                sum=1.5,
                scale=-3,
                zero_count=2,
                positive=pb.ExponentialHistogramDataPoint.Buckets(
                    offset=-5, bucket_counts=[1, 300, 0, 2]
                ),
                negative=pb.ExponentialHistogramDataPoint.Buckets(offset=7, bucket_counts=[4]),
                attributes=pairs({"kind": "a"}),
                start_time_unix_nano=3,
                time_unix_nano=9,
            )
        ],
    )


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
