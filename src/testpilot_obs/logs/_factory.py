"""Getting a logger."""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def get_logger(name: str | None = None, **bound: Any) -> "FilteringBoundLogger":
    """Return a structlog logger whose lines carry the fields *bound*.

    It may be made before ``init()``: until then its lines go to stderr, plain and readable, and
    from then on where ``init()`` says. No method of it raises, whatever it is given. Fields that
    are called like ours (``level``, ``timestamp``, ``trace_id`` and so on) get an underscore.

    Args:
        name: Name of the logger; that of the calling module if it is not given.
        **bound: Fields of all its lines.
    """
    # First: `connect` may wait for this import, to configure structlog with what comes second.
    import structlog  # noqa: F401

    from testpilot_obs.logs._structlog import make

    return cast("FilteringBoundLogger", make(name, bound))
