"""Hooks for servers that fork, for who wants to see them; without them all works the same."""

__all__: list[str] = []
