"""A real receiver for each test, and the tests that need forks alone."""

import pytest

from testpilot_obs.testing.receiver import OtlpReceiver


@pytest.fixture
def receiver():
    """Return a running OTLP receiver."""
    with OtlpReceiver() as running:
        yield running
