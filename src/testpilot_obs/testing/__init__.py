"""For tests of applications that use testpilot_obs: capture what was recorded, receive OTLP."""

from testpilot_obs.testing._capture import Captured, capture
from testpilot_obs.testing._captured import (
    CapturedEvent,
    CapturedLog,
    CapturedMetric,
    CapturedSpan,
)
from testpilot_obs.testing._fakes import FakeClock, SequentialIds

__all__ = [
    "Captured",
    "CapturedEvent",
    "CapturedLog",
    "CapturedMetric",
    "CapturedSpan",
    "FakeClock",
    "SequentialIds",
    "capture",
]
