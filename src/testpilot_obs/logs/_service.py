"""The logger service of the plan: four methods with a context."""

from typing import Any

from testpilot_obs.logs._factory import get_logger


class LoggerService:
    """For who ports from a NestJS ``LoggerService``: ``log``, ``error``, ``warn``, ``debug``.

    Args:
        context: Name of the logger of lines that are given none.
    """

    def __init__(self, context: str = "app") -> None:
        self._context = context

    def log(self, message: object, context: str | None = None) -> None:
        """Write an info line."""
        self._logger(context).info(message)

    def error(self, message: object, trace: object = None, context: str | None = None) -> None:
        """Write an error line.

        Args:
            message: What went wrong.
            trace: An exception, or its stack as text; ``None``: that being handled, if any.
            context: Name of the logger.
        """
        fields: dict[str, Any] = {}
        if trace is None:
            fields["exc_info"] = True
        elif isinstance(trace, BaseException):
            fields["exc_info"] = trace
        else:
            fields["stack_info"] = str(trace)
        self._logger(context).error(message, **fields)

    def warn(self, message: object, context: str | None = None) -> None:
        """Write a warning line."""
        self._logger(context).warning(message)

    def debug(self, message: object, context: str | None = None) -> None:
        """Write a debug line."""
        self._logger(context).debug(message)

    def _logger(self, context: str | None) -> Any:
        return get_logger(context or self._context)
