"""Signals of Celery's worker processes.

::

    from testpilot_obs.integrations.celery import connect

    connect()

Without it a child of the prefork pool delivers when it ends by itself (``max_tasks_per_child``,
a warm shutdown), but not when it is told to by SIGTERM (a cold shutdown), as Celery takes the
handler away.
"""

from typing import Any

from testpilot_obs import _lifecycle


def connect() -> None:
    """Watch for SIGTERM in each worker process, and deliver what waits when it ends.

    Raises:
        ImportError: If Celery is not installed.
    """
    from celery import signals  # type: ignore[import-untyped]

    signals.worker_process_init.connect(_began, dispatch_uid="testpilot_obs")
    signals.worker_process_shutdown.connect(_ends, dispatch_uid="testpilot_obs")


def _began(**_about: Any) -> None:
    _lifecycle.watch_signals()


def _ends(**_about: Any) -> None:
    _lifecycle.deliver_at_exit()
