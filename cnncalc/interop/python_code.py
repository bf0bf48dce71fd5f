"""Loads objects from Python code of the user: ``package.module:attribute`` or ``path/file.py:attribute``."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def running_code(folder: str) -> Iterator[None]:
    """Puts ``folder`` on the import path, and redirects what the code prints to standard error."""
    place = os.path.abspath(folder or os.curdir)
    sys.path.insert(0, place)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if place in sys.path:
            sys.path.remove(place)


def object_named(target: str, folder: str) -> Any:
    """Imports the module, or runs the file, of a target, and returns its object.

    Raises DesignError if there is no such module, file or object, or if the code raises an exception.
    """
    place, _, attribute = target.rpartition(":")
    found = _file(place, folder) if place.endswith(".py") else _package(place)
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [name for name in dir(found) if not name.startswith("_")]
            message = f"{place} has no '{part}'{did_you_mean(part, names)}"
            raise DesignError([Problem("unknown-target", message)])
        found = getattr(found, part)
    return found


def _package(name: str) -> Any:
    """Imports a Python module by name."""
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            hint = "modules are also imported from the current folder; write a file as path/file.py:NAME"
            raise DesignError([Problem("unknown-target", f"no Python module '{name}'", None, hint)]) from None
        raise DesignError([failure_of(f"import {name}", error)]) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 (code of the user, which may call sys.exit)
        raise DesignError([failure_of(f"import {name}", error)]) from None


def _file(path: str, folder: str) -> Any:
    """Runs a Python file as a module."""
    from importlib.util import module_from_spec, spec_from_file_location

    full = os.path.abspath(os.path.join(folder, path))
    if not os.path.isfile(full):
        raise DesignError([Problem("unknown-target", f"no file '{path}'")])
    name = os.path.splitext(os.path.basename(full))[0]
    spec = spec_from_file_location(name, full)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules.setdefault(name, module)  # so that pickle and dataclasses find classes of the file by name
    sys.path.insert(0, os.path.dirname(full))
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 (code of the user, which may call sys.exit)
        raise DesignError([failure_of(f"run {path}", error)]) from None
    finally:
        sys.path.remove(os.path.dirname(full))
    return module


def failure_of(what: str, error: BaseException) -> Problem:
    """The problem for an exception of the user's code, with the line of that code that raised it, if one did."""
    import traceback

    ours = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ours)]
    place = f" (in {_shown(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    text = str(error).strip().splitlines()
    message = f"cannot {what}: {type(error).__name__}: {text[0] if text else ''}{place}"
    return Problem("wrong-module", message)


def _shown(path: str) -> str:
    """The path of a file of code, from the working folder if it lies there."""
    return path.removeprefix(os.path.join(os.getcwd(), ""))
