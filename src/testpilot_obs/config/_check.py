"""What settings must be to each other; each check mends the draft or notes a problem in it."""

from testpilot_obs.config import _otlp
from testpilot_obs.config._draft import Draft
from testpilot_obs.config._pairs import SecretPairs
from testpilot_obs.protocols import SIGNALS

_GENERAL_LIMITS = {
    "attribute_count_limit": (
        "span_attribute_count_limit",
        "event_attribute_count_limit",
        "link_attribute_count_limit",
        "logrecord_attribute_count_limit",
    ),
    "attribute_value_length_limit": (
        "span_attribute_value_length_limit",
        "logrecord_attribute_value_length_limit",
    ),
}


def check(draft: Draft) -> None:
    """Make the settings of *draft* fit each other."""
    _fit_batches_to_queues(draft)
    _spread_general_limits(draft)
    _check_sampler_argument(draft)
    _check_file_exporter(draft)
    _check_endpoints(draft)
    _move_credentials_to_headers(draft)
    _keep_nothing_without_its_key(draft)


def _fit_batches_to_queues(draft: Draft) -> None:
    for kind in ("bsp", "blrp"):
        batch, queue = f"{kind}_max_export_batch_size", f"{kind}_max_queue_size"
        if draft.get(batch) <= draft.get(queue):
            continue
        if draft.is_set(batch):
            draft.refuse(batch, f"at most the size of the queue, {draft.get(queue)}")
        if draft.get(batch) > draft.get(queue):
            typed, source = draft.typed[queue], draft.sources[queue]
            draft.set(batch, draft.get(queue), typed=typed, source=source)


def _spread_general_limits(draft: Draft) -> None:
    for general, limits in _GENERAL_LIMITS.items():
        for limit in limits:
            if draft.is_set(general) and not draft.is_set(limit):
                typed, source = draft.typed[general], draft.sources[general]
                draft.set(limit, draft.get(general), typed=typed, source=source)


def _check_sampler_argument(draft: Draft) -> None:
    takes_ratio = draft.get("traces_sampler").endswith("traceidratio")
    if not (takes_ratio and draft.is_set("traces_sampler_arg")):
        return
    try:
        fits = 0 <= float(draft.get("traces_sampler_arg")) <= 1
    except ValueError:
        fits = False
    if not fits:
        draft.refuse("traces_sampler_arg", draft.rules["traces_sampler_arg"].expected)


def _check_file_exporter(draft: Draft) -> None:
    for signal in SIGNALS:
        named = draft.get(f"{signal}_exporter")
        if "otlp_file" in named and not draft.get("otlp_file"):
            draft.refuse(f"{signal}_exporter", "otlp_file only with a path in otlp_file")


def _check_endpoints(draft: Draft) -> None:
    for signal in SIGNALS:
        own = f"otlp_{signal}_endpoint"
        name = own if draft.is_set(own) else "otlp_endpoint"
        protocol = _otlp.pick(draft.get, signal, "protocol")
        if draft.is_set(name) and not _otlp.is_usable(draft.get(name), protocol):
            draft.refuse(name, _expected_endpoint(protocol))


def _expected_endpoint(protocol: str) -> str:
    if protocol == "grpc":
        return "an endpoint for grpc such as http://localhost:4317 or collector:4317"
    return "a URL with http:// or https:// and a host, such as http://localhost:4318"


def _keep_nothing_without_its_key(draft: Draft) -> None:
    """Keep nothing on disk in the clear that was meant to be encrypted."""
    for problem in draft.problems:
        if problem.setting in {"TESTPILOT_OBS_SPOOL_KEY", "spool_key"}:
            draft.set("spool", "off", typed=problem.setting, source=problem.source)


def _move_credentials_to_headers(draft: Draft) -> None:
    """Turn ``https://user:password@host`` into a header, as headers are what is kept secret."""
    for scope in (*(f"otlp_{signal}" for signal in SIGNALS), "otlp"):
        name = f"{scope}_endpoint"
        endpoint, authorization = _otlp.take_credentials(draft.get(name))
        if not authorization:
            continue
        origin = {"typed": draft.typed[name], "source": draft.sources[name]}
        draft.set(name, endpoint, **origin)
        headers = draft.get(f"{scope}_headers") or draft.get("otlp_headers")
        merged = SecretPairs({"authorization": authorization, **headers})
        draft.set(f"{scope}_headers", merged, **origin)
