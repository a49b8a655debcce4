"""The tables of docs/reliability.md, made from stored results."""

import statistics

from tests.faults.cases import CASES, EXITS, FAULTS, NUMBER
from tests.faults.journal import SIGNALS

BEGIN = "<!-- measured: `make reliability` writes what follows -->"
END = "<!-- end of what is measured -->"

_WORDS = {"traces": "Spans", "logs": "Log lines", "metrics": "Series of a counter"}
_ASKED = [way for way in EXITS if not way.may_lose]
_LATE_S = 2.5


def stored(result):
    """Return a `Result` as JSON can hold it."""
    return {
        "signals": {signal: list(result.signals[signal]) for signal in SIGNALS},
        "exit_s": round(result.exit_s, 3),
        "bare_exit_s": round(result.bare_exit_s, 3),
        "was_killed": result.was_killed,
        "stall_ms": round(1000 * max(result.stall_s, result.call_s), 1),
        "bare_stall_ms": round(1000 * result.bare_stall_s, 1),
        "peak_mb": round(result.peak_bytes / (1 << 20)),
    }


def with_tables(text, results, about):
    """Return the page *text* with new tables.

    Args:
        text: Of the page, with its two marks.
        results: By subject, fault and way to end, as `stored` makes them.
        about: In which environment they were measured.
    """
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    made = "\n\n".join([_summary(results, about), *_tables(results)])
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def listed(text):
    """Return the names of all cases for which the page has a cell in each table of losses."""
    cells = []
    for signal in SIGNALS:
        table = text.partition(_heading(signal))[2].partition("\n## ")[0].partition("\n### ")[0]
        rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line[:2] == "| "]
        ends = rows[0][1:]
        cells.append({f"{row[0]} / {end}" for row in rows[2:] for end in ends})
    return set.intersection(*cells)


def _tables(results):
    yield _by_fault(results)
    for signal in SIGNALS:
        yield f"{_heading(signal)}\n\n" + _matrix(
            results, lambda one, signal=signal: f"{_lost(one, signal)}"
        )
    yield (
        "### Records that came twice, all signals\n\n"
        + _matrix(results, lambda one: f"{sum(_doubled(one, signal) for signal in SIGNALS)}")
    )
    yield "### Seconds from the wish to end to the end\n\n" + _matrix(results, _seconds)


def _summary(results, about):
    lines = [
        f"{about}.",
        f"{len(FAULTS)} faults, {len(EXITS)} ways to end, 3 signals: {len(CASES) * 3} cells.",
        "",
        _row(["", "testpilot_obs", "stock SDK"]),
        _row(["---"] * 3),
    ]
    for words, is_so in (
        ("cells that lost something", lambda one, signal: _lost(one, signal) > 0),
        (
            "the same, where the collector does not refuse and nobody kills",
            None,
        ),
        ("cells in which something came twice", lambda one, signal: _doubled(one, signal) > 0),
    ):
        lines.append(_row([words, *(_cells(results[who], is_so) for who in results)]))
    late = [_late(of.values()) for of in results.values()]
    lines.append(_row([f"programs that took more than {_LATE_S:g} s longer to end", *late]))
    return "\n".join(lines)


def _cells(by_fault, is_so):
    refuses = {fault.name for fault in FAULTS if fault.is_refusal}
    forgiven = {way.name for way in EXITS if way.may_lose}
    return sum(
        is_so(one, signal)
        if is_so
        else name not in refuses and end not in forgiven and _lost(one, signal) > 0
        for name, ends in by_fault.items()
        for end, one in ends.items()
        for signal in SIGNALS
    )


def _late(faults):
    programs = [one for ends in faults for one in ends.values()]
    return sum(one["exit_s"] - one["bare_exit_s"] > _LATE_S for one in programs)


def _by_fault(results):
    """One row a fault: all ways to end but those that ask nobody, all signals."""
    titles = ["fault", "at once", "next start", "lost", "twice", "longest exit, s", "stall, ms"]
    out = [
        "### All signals, for each fault\n",
        f"Of {NUMBER * 3 * len(_ASKED):,} records of {len(_ASKED)} programs, all but killed ones.",
        "The stall is the longest that a recording call or the event loop took, the median of all.",
        "The peak is the highest resident memory of any of the programs.\n",
        _row([titles[0], *(f"{title} (ours / stock)" for title in titles[1:]), "peak, MB"]),
        _row(["---"] * (len(titles) + 1)),
    ]
    for fault in FAULTS:
        columns = [_figures(of[fault.name]) for of in results.values()]
        pairs = [" / ".join(pair) for pair in zip(*columns, strict=True)]
        out.append(_row([fault.name, *pairs]))
    return "\n".join(out)


def _figures(ends):
    asked = [ends[way.name] for way in _ASKED]
    counts = [one["signals"][signal] for one in asked for signal in SIGNALS]
    recorded, at_once, later, doubled = (sum(column) for column in zip(*counts, strict=True))
    longest = max(asked, key=lambda one: one["exit_s"])
    stall = statistics.median(one["stall_ms"] for one in ends.values())
    return [
        f"{at_once:,}",
        f"{later:,}",
        f"{recorded - at_once - later:,}",
        f"{doubled:,}",
        _seconds(longest),
        f"{stall:.0f}",
        f"{max(one['peak_mb'] for one in ends.values())}",
    ]


def _matrix(results, show):
    """Faults downwards, ways to end to the right; "ours / stock" in each cell."""
    lines = [
        _row(["fault", *(way.name for way in EXITS)]),
        _row(["---"] * (len(EXITS) + 1)),
    ]
    for fault in FAULTS:
        cells = [
            " / ".join(show(of[fault.name][way.name]) for of in results.values()) for way in EXITS
        ]
        lines.append(_row([fault.name, *cells]))
    return "\n".join(lines)


def _heading(signal):
    return f"### {_WORDS[signal]} lost, of {NUMBER}"


def _lost(one, signal):
    recorded, at_once, later, _ = one["signals"][signal]
    return recorded - at_once - later


def _doubled(one, signal):
    return one["signals"][signal][3]


def _seconds(one):
    return f"more than {one['exit_s']:.0f}" if one["was_killed"] else f"{one['exit_s']:.1f}"


def _row(cells):
    return f"| {' | '.join(str(cell) for cell in cells)} |"
