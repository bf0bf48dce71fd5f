"""Objects of Python code of the user: ``package.module:attribute`` or ``path/file.py:attribute``."""

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
    """What the code prints goes to standard error; the working folder is on the import path."""
    place = os.path.abspath(folder or os.curdir)
    sys.path.insert(0, place)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if place in sys.path:
            sys.path.remove(place)


def object_named(target: str, folder: str) -> Any:
    """The object that a target names, whose module is imported or run. Raises DesignError with what is wrong."""
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
    """A module of Python by its name."""
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            hint = "the working folder is on the import path; a file is written path/file.py:NAME"
            raise DesignError([Problem("unknown-target", f"no Python module '{name}'", None, hint)]) from None
        raise DesignError([failure_of(f"import {name}", error)]) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 (code of the user, which may call sys.exit)
        raise DesignError([failure_of(f"import {name}", error)]) from None


def _file(path: str, folder: str) -> Any:
    """A file of Python as a module."""
    from importlib.util import module_from_spec, spec_from_file_location

    full = os.path.abspath(os.path.join(folder, path))
    if not os.path.isfile(full):
        raise DesignError([Problem("unknown-target", f"no file '{path}'")])
    name = os.path.splitext(os.path.basename(full))[0]
    spec = spec_from_file_location(name, full)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules.setdefault(name, module)  # classes of the file can be found by name
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
    """The error of the user's code, with the line that raised it."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    place = f" (in {frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    text = str(error).strip().splitlines()
    message = f"cannot {what}: {type(error).__name__}: {text[0] if text else ''}{place}"
    return Problem("wrong-module", message)
