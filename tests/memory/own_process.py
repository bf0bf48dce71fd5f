"""A module of the tests in a process of its own, where PyTorch's stand-in for a device is needed.

It must be there before the first backward pass of a process, and would affect the other tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, NoReturn

import pytest

from tests.calls import ROOT, environment


def answer_of(module: str, *words: str) -> Any:
    """What ``python -m module words`` prints as JSON; skips the test where this PyTorch has no stand-in."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=ROOT, timeout=300, check=False
    )
    if "no stand-in for a device" in done.stderr:
        pytest.skip("this build of PyTorch has no stand-in for a device")
    is_aborted_at_exit = "terminate called without an active exception" in done.stderr  # by a thread of PyTorch, rarely
    assert done.returncode == 0 or is_aborted_at_exit, done.stderr[-2000:]
    return json.loads(done.stdout)


def answer(value: Any) -> NoReturn:
    """Prints a value as JSON and ends the process at once: PyTorch's threads of the device may abort its usual end."""
    print(json.dumps(value), flush=True)
    os._exit(0)
