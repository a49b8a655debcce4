"""What arrived from all processes of a service together: everything, and nothing twice."""

import collections


def spans(receiver, name):
    """Return how many spans called *name* arrived, after checking that none came twice."""
    ids = [span.span_id for span in receiver.spans]
    assert len(set(ids)) == len(ids)
    return sum(span.name == name for span in receiver.spans)


def numbers(receiver):
    """Return what was told by spans and by log lines, each sorted."""
    told = [span.attributes["number"] for span in receiver.spans if span.name == "request"]
    logged = [one.attributes["number"] for one in receiver.logs if "number" in one.attributes]
    return sorted(told), sorted(logged)


def total(receiver, name):
    """Return what a counter amounts to: the last total of each process, added up."""
    last = collections.defaultdict(dict)
    for metric in receiver.metrics:
        if metric.name in {name, f"{name}_total"}:
            for point in metric.sum.data_points:
                key = metric.resource["process.pid"], tuple(str(a) for a in point.attributes)
                value = point.as_double or point.as_int
                if point.time_unix_nano >= last[key].get("at", 0):
                    last[key] = {"at": point.time_unix_nano, "value": value}
    return sum(one["value"] for one in last.values())
