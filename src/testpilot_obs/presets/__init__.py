"""Metrics as a known product wants them, ready to use."""

__all__: list[str] = []
