"""Did you mean …? For names that look like ours or OpenTelemetry's but are not.

difflib is imported for the first such name; most processes never need it.
"""

import re
from collections.abc import Iterable, Mapping

from testpilot_obs.config._env import CONFIG_FILE, NOT_USED, OF_OTHERS, VARIABLES

_OURS = "TESTPILOT_OBS"
_THEIRS = "OTEL"
# Kubernetes sets NAME_SERVICE_HOST, NAME_PORT_4317_TCP and so on for a service called "otel…".
_SERVICE_LINK = r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP)(_\w+)?)"
_CLOSE = 0.8
"""Least likeness (difflib's ratio, 0 to 1) of two names for one to be meant by the other; a guess
that was tried on the names of the specification."""

OBJECTS = ("exporters", "span_processors", "sampler", "id_generator", "console_stream")
"""Arguments of `init()` that are objects, no settings; they are suggested, too."""

_RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"


def mistyped(environment: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield (name, what was expected) for each variable that is most likely mistyped.

    A name that begins with ``TESTPILOT_OBS`` is always ours. One that begins with ``OTEL`` may be
    anybody's, so it counts only if it is close to a name that is read.
    """
    for name in environment:
        upper = name.upper()
        if not upper.startswith((_OURS, _THEIRS)) or _is_known(name):
            continue
        meant = closest_variable(upper)
        if meant:
            yield name, f"a variable that exists; did you mean {meant}?"
        elif upper.startswith(_OURS):
            yield name, "a variable that exists; docs/configuration.md lists them"


def closest_setting(name: str, settings: Iterable[str]) -> str:
    """Return what to say was expected instead of *name*, which is none of the *settings*."""
    meant = VARIABLES.get(name.upper()) or _closest(name, [*settings, *OBJECTS], likeness=0.6)
    hint = f"did you mean {meant}?" if meant else "docs/configuration.md lists them"
    return f"a setting that exists; {hint}"


def closest_variable(name: str) -> str:
    """Return the variable that *name* most likely means, or ``""``."""
    if name in VARIABLES or name == CONFIG_FILE:
        return name
    topic = name.removeprefix(_OURS).removeprefix(_THEIRS).lstrip("_")
    if name.startswith(_OURS) and topic in {"ENVIRONMENT", "SERVICE_VERSION"}:
        return _RESOURCE
    for prefix in ("OTEL_", "OTEL_EXPORTER_", "OTEL_EXPORTER_OTLP_"):
        if prefix + topic in VARIABLES:
            return prefix + topic
    by_topic = {known.split("_", 1)[1].removeprefix("OBS_"): known for known in _candidates(name)}
    found = _closest(topic, by_topic, likeness=_CLOSE)
    return by_topic[found] if found else ""


def _closest(name: str, known: Iterable[str], *, likeness: float) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, list(known), n=1, cutoff=likeness)
    return found[0] if found else ""


def _is_known(name: str) -> bool:
    return (
        name in VARIABLES
        or name == CONFIG_FILE
        or name in NOT_USED
        or name.startswith(OF_OTHERS)
        or re.fullmatch(_SERVICE_LINK, name, re.ASCII) is not None
    )


def _candidates(name: str) -> list[str]:
    start = _OURS if name.startswith(_OURS) else _THEIRS
    return [known for known in (*VARIABLES, CONFIG_FILE) if known.startswith(start)]
