"""What can be set, and where a value came from."""

from testpilot_obs.config._env import known_names, proxies
from testpilot_obs.config._load import Examined, examine, load
from testpilot_obs.config._otlp import OtlpSettings, origin
from testpilot_obs.config._pairs import Pairs, SecretPairs
from testpilot_obs.config._schema import Config
from testpilot_obs.config._state import state_folder

__all__ = [
    "Config",
    "Examined",
    "OtlpSettings",
    "Pairs",
    "SecretPairs",
    "examine",
    "known_names",
    "load",
    "origin",
    "proxies",
    "state_folder",
]
