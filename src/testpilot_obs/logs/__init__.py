"""Log lines: structlog's and the standard library's, through one pipeline, each exactly once.

A line goes to the console (readable at a terminal, one JSON object a line otherwise) and, once
``init()`` has connected it, to files and to the OTLP queue. structlog is loaded by the first
`get_logger`.
"""

from testpilot_obs._core.redaction import Match
from testpilot_obs.logs._audit import AuditLogger, get_audit_logger
from testpilot_obs.logs._audit import verify as verify_audit
from testpilot_obs.logs._connect import connect, disconnect, lost
from testpilot_obs.logs._factory import get_logger
from testpilot_obs.logs._outside import level_from_headers
from testpilot_obs.logs._pipeline import (
    catch_up,
    log_level,
    set_log_level,
    settle,
    transaction_ended,
)
from testpilot_obs.logs._service import LoggerService
from testpilot_obs.logs._transactions import transaction_line

__all__ = [
    "AuditLogger",
    "LoggerService",
    "Match",
    "catch_up",
    "connect",
    "disconnect",
    "get_audit_logger",
    "get_logger",
    "level_from_headers",
    "log_level",
    "lost",
    "set_log_level",
    "settle",
    "transaction_ended",
    "transaction_line",
    "verify_audit",
]
