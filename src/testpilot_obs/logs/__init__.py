"""Log lines: structlog's and the standard library's, through one pipeline, each exactly once.

A line goes to the console (readable at a terminal, one JSON object a line otherwise) and, once
``init()`` has connected it, to the OTLP queue. structlog is loaded by the first `get_logger`.
"""

from testpilot_obs.logs._connect import connect, disconnect, lost
from testpilot_obs.logs._factory import get_logger
from testpilot_obs.logs._transactions import transaction_line

__all__ = ["connect", "disconnect", "get_logger", "lost", "transaction_line"]
