"""The command line: options in, one pipeline call, text out, exit code."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script: runs the command line of this process and ends the process with its exit code.

    A short-lived process needs no garbage collector (records refer to each other downward only), and nothing is left to
    tidy up once everything is written: leaving both out saves a fifth of the time of ``cnncalc table``. A tracer, a
    profiler or a coverage measurement gets the ordinary end that it waits for.
    """
    import gc
    import os

    gc.disable()
    from cnncalc.cli.program import run

    code = run(sys.argv[1:])
    if sys.gettrace() or sys.getprofile() or sys.flags.interactive or "coverage" in sys.modules:
        sys.exit(code)
    from cnncalc.cli.streams import flush

    flush()
    os._exit(code)
