"""The configuration of a model of Keras in an HDF5 file. Needs h5py.

The library loops without end on some damaged files, so it runs in a child process with a time limit.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

import h5py

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.archive import BufferFile
from cnncalc.source import visible

if TYPE_CHECKING:
    from mmap import mmap

SECONDS = 0.5
"""The most CPU time of the library, in seconds."""


def model_config(name: str, data: bytes | mmap, most_bytes: int) -> str:
    """The text of the attribute ``model_config``; DesignError if it cannot be read, or is larger than ``most_bytes``.

    ``name`` is the file in messages. Where processes cannot fork, as on Windows, the library has no time limit.
    """
    if not hasattr(os, "fork"):
        return _text(name, data, most_bytes)
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child does not use
        child = os.fork()
    if not child:
        _answer(write, name, data, most_bytes)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if not answer:
        is_slow = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGVTALRM
        why = f"the library was stopped after {SECONDS} s" if is_slow else "the library crashed"
        raise DesignError([Problem("wrong-file", f"{name} cannot be read as an HDF5 file: {why}")])
    text, problem = json.loads(answer)
    if problem is not None:
        raise DesignError([Problem(problem[0], problem[1], None, problem[2])])
    return str(text)


def _answer(pipe: int, name: str, data: bytes | mmap, most_bytes: int) -> NoReturn:
    """In the child process: writes the text, or the problem with it, to the pipe, and ends the process."""
    try:
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # ends the process
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        sys.stderr = None
        text = problem = None
        try:
            text = _text(name, data, most_bytes)
        except DesignError as error:
            problem = (error.every[0].code, error.every[0].message, error.every[0].hint)
        with os.fdopen(pipe, "wb") as file:
            file.write(json.dumps((text, problem)).encode())
    finally:
        os._exit(0)


def _text(name: str, data: bytes | mmap, most_bytes: int) -> str:
    # a text is stored in a heap, which the library reads as a whole
    buffer = BufferFile(data, most_bytes=2 * most_bytes)
    content = None
    try:
        with h5py.File(buffer, "r") as file:
            if "model_config" in file.attrs:
                _check_size(name, file.attrs.get_id("model_config").get_storage_size(), most_bytes)
                content = file.attrs["model_config"]
    except (OSError, RuntimeError, TypeError, ValueError, LookupError, MemoryError) as error:
        if buffer.is_exceeded:
            message = f"{name}: model_config has more than {most_bytes:,} bytes"
            raise DesignError([Problem("limit", message)]) from None
        message = f"{name} cannot be read as an HDF5 file: {visible(str(error))[:200]}"
        raise DesignError([Problem("wrong-file", message)]) from None
    if content is None:
        hint = "save the whole model (model.save), not only its weights"
        raise DesignError([Problem("wrong-file", f"{name} has weights but no model (model_config)", None, hint)])
    if not isinstance(content, (str, bytes)):
        raise DesignError([Problem("wrong-file", f"{name}: model_config is {type(content).__name__}, not a text")])
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    _check_size(name, len(text), most_bytes)
    return text


def _check_size(name: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        message = f"{name}: model_config has {size:,} bytes, more than {most_bytes:,}"
        raise DesignError([Problem("limit", message)])
