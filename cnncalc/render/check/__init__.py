"""What a check found, in the forms that people and CI servers read: one module a form, ``write(checkup) -> str``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnncalc.checks.check import Checkup

FORMS = {
    "text": "cnncalc.render.check.plain",
    "json": "cnncalc.render.check.data",
    "github": "cnncalc.render.check.github",
    "gitlab": "cnncalc.render.check.gitlab",
    "sarif": "cnncalc.render.check.sarif",
    "junit": "cnncalc.render.check.junit",
    "markdown": "cnncalc.render.check.markdown",
}
"""Every form by its name, and the module that writes it."""


def write_checkup(checkup: Checkup, form: str) -> str:
    """The outcomes in one of the forms, ending in a line break."""
    from importlib import import_module

    text: str = import_module(FORMS[form]).write(checkup)
    return text if text.endswith("\n") else text + "\n"
