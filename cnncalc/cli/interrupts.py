"""Interrupts and other signals to end: from the first line of the program to its last, without a traceback.

While the program is loaded, and after its command has ended, a signal ends the process at once. While the command runs,
it raises KeyboardInterrupt, so that what is half done is removed or completed; a second signal then ends the process.
SIGINT gives the exit code 130; the process dies by the others, as a shell or a scheduler expects.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident, interrupt_main, start_new_thread
from time import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from types import FrameType
else:
    import _signal as signal  # the same functions without enumerations, whose import takes a tenth of the start-up time

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""The signals that ask a program to end, where this system has them."""
INTERRUPTED = 130
"""The exit code after SIGINT, as that of every shell."""
SOON_SECONDS = 0.01
"""Longer than it takes to leave a function in which an exception would be lost."""


class Watch:
    """Receives the signals of this process from now on, except those that it was started to ignore.

    ``number`` is the signal that came, else None.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._is_running = False
        self._process = os.getpid()
        self._thread = get_ident()
        self._signals = [
            each for each in SIGNALS if signal.getsignal(each) in (signal.SIG_DFL, signal.default_int_handler)
        ]
        self._listen()
        sys.unraisablehook = self._not_raised

    def __enter__(self) -> None:
        """From here on, while the command runs, a signal raises KeyboardInterrupt."""
        self._is_running = True

    def __exit__(self, *_: object) -> None:
        self._is_running = False

    def end(self, *, is_reported: bool) -> None:
        """Ends the process by the signal that came; returns if none has come.

        ``is_reported``: the command has written that it was interrupted.
        """
        if self.number is None:
            return
        if not is_reported and sys.stderr is not None:  # without the stream, which may be in the middle of a write
            try:  # noqa: SIM105  # contextlib may be half loaded here
                os.write(2, b"interrupted\n")
            except OSError:
                pass
        if self.number != signal.SIGINT:
            signal.signal(self.number, signal.SIG_DFL)
            os.kill(self._process, self.number)
        os._exit(INTERRUPTED)

    def _listen(self) -> None:
        for each in self._signals:
            signal.signal(each, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a process that was forked, by an executor or by the code of a user
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.number = number
        while frame is not None:
            if frame.f_code is Watch._not_raised.__code__:  # where it would be lost once more
                start_new_thread(self._again, (number,))
                return
            frame = frame.f_back
        for each in self._signals:
            signal.signal(each, signal.SIG_DFL)
        if self._is_running:
            raise KeyboardInterrupt
        self.end(is_reported=False)

    def _not_raised(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Called for an exception that Python cannot raise, as in a destructor; repeats an interrupt soon after."""
        if self.number is None or unraisable.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(unraisable)
            return
        self._listen()
        start_new_thread(self._again, (self.number,))

    def _again(self, number: int) -> None:
        sleep(SOON_SECONDS)
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self._thread, number)  # which also ends what the thread waits for
        else:
            interrupt_main(number)  # type: ignore[arg-type]  # a member of the enumeration, which is not loaded
