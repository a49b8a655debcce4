"""Server hooks for ``gunicorn.conf.py``.

::

    from testpilot_obs.integrations.gunicorn import post_worker_init, worker_exit

Hooks of your own call these, each with the arguments that it got. There is none for the fork: a
child of an initialised process begins anew by itself.
"""

import os
from typing import Any

from testpilot_obs import _lifecycle


def post_worker_init(worker: Any) -> None:  # noqa: ARG001  # gunicorn counts them
    """Watch for SIGTERM again, whose handlers gunicorn has set anew for the worker.

    Args:
        worker: The worker, whose application has been loaded.
    """
    _lifecycle.watch_signals()


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Deliver what waits, within the time that the settings allow at exit.

    The arbiter calls it too, for a worker that is gone already; nothing is done there.

    Args:
        server: The arbiter.
        worker: The worker that ends.
    """
    if worker.pid == os.getpid():
        _lifecycle.deliver_at_exit()
