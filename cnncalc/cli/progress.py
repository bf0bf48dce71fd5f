"""A line on a terminal that shows how far a command is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

QUIET_SECONDS = 1.0
"""Seconds before progress is shown."""


class ProgressLine:
    """A line that is drawn again in its place, and erased at the end. Without a stream nothing is shown."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.start = time.monotonic()
        self._width = 0

    def draw(self, text: str) -> None:
        """Draws the text in place of the one before it."""
        if self.stream is not None:
            self.stream.write("\r" + text.ljust(self._width))
            self.stream.flush()
            self._width = len(text)

    def __exit__(self, *_: object) -> None:
        if self.stream is not None and self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self.stream.flush()
