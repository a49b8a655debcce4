"""Telemetry that could not be sent, kept on disk until it can."""

from testpilot_obs.delivery.spool._cipher import Cipher
from testpilot_obs.delivery.spool._folder import folder_of
from testpilot_obs.delivery.spool._listing import Lying, look_around, purge
from testpilot_obs.delivery.spool._spool import Limits, Spool
from testpilot_obs.delivery.spool._stored import Stored

__all__ = ["Cipher", "Limits", "Lying", "Spool", "Stored", "folder_of", "look_around", "purge"]
