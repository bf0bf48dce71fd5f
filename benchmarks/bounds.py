"""Bounds of benchmarks: printed beside what was measured, and enforced."""

from __future__ import annotations


class Bounds:
    """Remembers whether one of the bounds that it has formatted was exceeded."""

    def __init__(self) -> None:
        self.is_exceeded = False

    def checked(self, value: float, most: float, unit: str) -> str:
        """The bound to print behind ``value``, with a mark if the value exceeds it."""
        exceeds = value > most
        self.is_exceeded |= exceeds
        return f"at most {most:g} {unit}{'  EXCEEDED' if exceeds else ''}"
