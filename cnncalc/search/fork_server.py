"""Imported by the fork server alone, which then prints no traceback: the process that uses it reports the error."""

from __future__ import annotations

import sys

sys.excepthook = lambda *_: None
