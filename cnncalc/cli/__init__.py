"""The command line: options in, one pipeline call, text out, exit code."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """The console script: runs the command line of this process and exits with its exit code.

    Without garbage collection and interpreter shutdown ``cnncalc table`` takes a fifth less time; both are unnecessary
    in a short process. Under a tracer, a profiler or coverage the interpreter exits normally, since these need it, and
    in a process of MPI, which has to leave the others in order.
    """
    watch = None
    try:
        from cnncalc.cli.interrupts import INTERRUPTED, Watch

        watch = Watch()
        gc.disable()
        from cnncalc.cli.program import run

        with watch:
            code = run(sys.argv[1:], watch=watch)
        is_reported = code == INTERRUPTED
    except KeyboardInterrupt:
        code, is_reported = 130, False  # INTERRUPTED, which may not be loaded yet
    if "cnncalc.search.processes" in sys.modules:
        from cnncalc.search.processes import remove_files

        remove_files()
    if watch is not None:
        watch.end(is_reported=is_reported)
    if (
        sys.gettrace()
        or sys.getprofile()
        or sys.flags.interactive
        or not sys.modules.keys().isdisjoint(("coverage", "mpi4py"))
    ):
        sys.exit(code)
    from cnncalc.cli.console import flush

    flush()
    os._exit(code)
