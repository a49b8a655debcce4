"""What can be set, and where a value came from."""

from testpilot_obs.config._env import known_names
from testpilot_obs.config._load import load
from testpilot_obs.config._otlp import OtlpSettings
from testpilot_obs.config._pairs import Pairs, SecretPairs
from testpilot_obs.config._sampling import SampleRule, sample_rule
from testpilot_obs.config._schema import Config

__all__ = [
    "Config",
    "OtlpSettings",
    "Pairs",
    "SampleRule",
    "SecretPairs",
    "known_names",
    "load",
    "sample_rule",
]
