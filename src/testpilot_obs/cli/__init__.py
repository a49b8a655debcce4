"""The command ``testpilot-obs``: one subcommand per file."""

from testpilot_obs.cli._main import main

__all__ = ["main"]
