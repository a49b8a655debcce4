"""Who we are: the attributes of this process that go with everything it sends."""

import os
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from opentelemetry.version import __version__ as _api_version

from testpilot_obs import names
from testpilot_obs._core import ids

VERSION = "0.1.0"
"""Of this library; the same as `testpilot_obs.__version__`."""

_made_ids: list[str] = []


class Described(Protocol):
    """What `describe` reads of the settings."""

    @property
    def service_name(self) -> str: ...
    @property
    def service_version(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def resource_attributes(self) -> Mapping[str, str]: ...


def describe(config: Described) -> dict[str, Any]:
    """Return the resource attributes of this process; what the user set comes before our own."""
    own = {
        names.SDK_NAME: "opentelemetry",
        names.SDK_LANGUAGE: "python",
        names.SDK_VERSION: _api_version,
        names.DISTRO_NAME: "testpilot_obs",
        names.DISTRO_VERSION: VERSION,
        names.HOST_NAME: _host_name(),
        names.PROCESS_RUNTIME_NAME: sys.implementation.name,
        names.PROCESS_RUNTIME_VERSION: ".".join(map(str, sys.version_info[:3])),
        **_of_this_process(),
    }
    named = {
        names.SERVICE_NAME: config.service_name,
        names.SERVICE_VERSION: config.service_version,
        names.DEPLOYMENT_ENVIRONMENT: config.environment,
    }
    return {**own, **config.resource_attributes, **{k: v for k, v in named.items() if v}}


def refresh(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return *resource* as it is in a forked child: its own process id and instance id."""
    is_chosen_by_user = resource.get(names.SERVICE_INSTANCE_ID) not in _made_ids
    own = _of_this_process()
    if is_chosen_by_user:
        del own[names.SERVICE_INSTANCE_ID]
    return {**resource, **own}


def _of_this_process() -> dict[str, Any]:
    return {names.PROCESS_PID: os.getpid(), names.SERVICE_INSTANCE_ID: _random_uuid()}


def _random_uuid() -> str:
    # RFC 9562, version 4; the uuid module would take 3 ms to import.
    bits = ids.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | (4 << 76) | (2 << 62)
    text = f"{bits:032x}"
    made = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    _made_ids[:] = [made]
    return made


def _host_name() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import platform  # 2 ms

    return platform.node()
