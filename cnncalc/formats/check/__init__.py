"""What a check found, in the forms that people and CI servers read: one module a form, ``write(checkup) -> str``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnncalc.checks.check import Checkup

FORMS = {
    "text": "cnncalc.formats.check.plain",
    "json": "cnncalc.formats.check.json",
    "github": "cnncalc.formats.check.github",
    "gitlab": "cnncalc.formats.check.gitlab",
    "sarif": "cnncalc.formats.check.sarif",
    "junit": "cnncalc.formats.check.junit",
    "markdown": "cnncalc.formats.check.markdown",
}
"""Every form by its name, and the module that writes it."""


def write_checkup(checkup: Checkup, form: str) -> str:
    """The outcomes in one of the forms, ending in a line break."""
    from importlib import import_module

    text: str = import_module(FORMS[form]).write(checkup)
    return text if text.endswith("\n") else text + "\n"
