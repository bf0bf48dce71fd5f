"""A Code Quality report of GitLab: a list of issues with fingerprints.

Source: GitLab's documentation, "Code Quality report format".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cnncalc.formats.check.annotations import BROKEN_FILE, annotations_of, fingerprints

if TYPE_CHECKING:
    from cnncalc.checks.check import CheckResult

SEVERITIES = {"error": "major", "warning": "minor", "note": "info"}


def write(result: CheckResult) -> str:
    """The annotations as issues; a file that cannot be checked is critical."""
    annotations = annotations_of(result)
    issues = [
        {
            "description": annotation.text,
            "check_name": f"cnncalc-{annotation.code}",
            "fingerprint": fingerprint,
            "severity": "critical" if annotation.rank == BROKEN_FILE else SEVERITIES[annotation.severity],
            "location": {
                "path": annotation.path or annotation.file,
                "lines": {"begin": annotation.span.line if annotation.span is not None else 1},
            },
        }
        for annotation, fingerprint in zip(annotations, fingerprints(annotations), strict=True)
    ]
    return json.dumps(issues, indent=2) + "\n"
