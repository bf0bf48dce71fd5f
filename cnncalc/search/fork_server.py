"""Imported in the fork server alone: its errors are reported by the process that asks it for a worker."""

from __future__ import annotations

import sys

sys.excepthook = lambda *_: None
