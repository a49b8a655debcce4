"""The settings, as the doctor sees them: what is in effect, and what was set in vain."""

from collections.abc import Iterator

from testpilot_obs.cli._doctor_report import Check
from testpilot_obs.config import Examined


def check_settings(found: Examined) -> Iterator[Check]:
    """Yield what is wrong with the settings, and how many there are."""
    for problem in found.problems:
        said = f"{problem.setting} = {problem.value} (from {problem.source}) is ignored"
        facts = {"source": problem.source, "expected": problem.expected}
        remedy = f"expected {problem.expected}"
        yield Check("settings", problem.setting, "failed", said, remedy=remedy, facts=facts)
    for variable in found.unused:
        said = f"{variable} is set, but testpilot_obs does not use it"
        yield Check("settings", variable, "warning", said)
    config = found.config
    if config.source_of("service_name") == "default":
        said = f"the service has no name; it is sent as {config.service_name!r}"
        remedy = "set OTEL_SERVICE_NAME, or init(service_name=…)"
        yield Check("settings", "service_name", "warning", said, remedy=remedy)
    if config.disabled:
        said = f"OTEL_SDK_DISABLED (from {config.source_of('disabled')}): nothing is recorded"
        yield Check("settings", "disabled", "warning", said)
    set_by_user = [name for name, _, source in config.describe() if source != "default"]
    said = f"{len(set_by_user)} set, the others have their defaults (testpilot-obs config)"
    yield Check("settings", "settings", "ok", said, facts={"set": set_by_user})
