"""A real receiver for each test."""

import pytest

from testpilot_obs.testing.receiver import OtlpReceiver


@pytest.fixture
def receiver():
    """Return a running OTLP receiver."""
    with OtlpReceiver() as running:
        yield running
