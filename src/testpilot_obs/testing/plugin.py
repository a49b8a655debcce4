"""The pytest plugin: one fixture; pytest finds it by itself where testpilot_obs is installed."""

from collections.abc import Iterator

import pytest

from testpilot_obs.testing._capture import Captured, capture


@pytest.fixture
def obs_capture() -> Iterator[Captured]:
    """Collect what the test records: ``obs_capture.spans``, ``.logs`` and ``.metrics``."""
    with capture() as captured:
        yield captured
