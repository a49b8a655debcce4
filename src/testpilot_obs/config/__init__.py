"""What can be set, and where a value came from."""

from testpilot_obs.config._env import known_names
from testpilot_obs.config._load import load
from testpilot_obs.config._otlp import OtlpSettings
from testpilot_obs.config._pairs import Pairs, SecretPairs
from testpilot_obs.config._schema import Config
from testpilot_obs.config._state import state_folder

__all__ = ["Config", "OtlpSettings", "Pairs", "SecretPairs", "known_names", "load", "state_folder"]
