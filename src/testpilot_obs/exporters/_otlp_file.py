"""OTLP in a file: one line of JSON a batch, as OpenTelemetry's file exporters write it.

Source:
    OpenTelemetry specification, "OpenTelemetry Protocol File Exporter".
"""

import os

from testpilot_obs._core import fork
from testpilot_obs.protocols import SENT, Batch, Outcome, Verdict

_ONLY_THE_OWNER = 0o600


class OtlpFileExporter:
    """Append each batch as one line; what a new file holds only its owner may read.

    The file is opened for each batch, so it may be moved away at any time (logrotate), and
    forked children write whole lines of their own. A disk that is full is tried again.
    """

    wants_records = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._is_torn = False
        fork.needs("testpilot_obs.exporters._otlp_json")

    def export(self, batch: Batch, *, timeout_s: float) -> Outcome:
        """Append *batch*; see `Exporter`."""
        # Its tables and json are only for those who write files.
        from testpilot_obs.exporters._otlp_json import to_json

        line = to_json(batch.signal, batch.otlp()).encode() + b"\n"
        try:
            self._append(line)
        except OSError as error:
            words = error.strerror or type(error).__name__
            message = f"{self._path}: {words} (TESTPILOT_OBS_OTLP_FILE)"
            return Outcome(Verdict.RETRY, "file", message)
        return SENT

    def close(self) -> None:
        """Do nothing: no file is open between batches."""

    def after_fork(self) -> None:
        """Do nothing: no file is open between batches."""

    def _append(self, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(self._path, flags, _ONLY_THE_OWNER)
        try:
            # After a torn line (the disk was full) the next one begins afresh.
            data = b"\n" + line if self._is_torn else line
            self._is_torn = os.write(descriptor, data) != len(data)
        finally:
            os.close(descriptor)
        if self._is_torn:
            raise OSError(None, "the disk took only part of a line")
