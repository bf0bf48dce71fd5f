"""A Code Quality report of GitLab: a list of issues with fingerprints.

Source: GitLab's documentation, "Code Quality report format".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cnncalc.formats.check.annotations import BROKEN_FILE, fingerprints, remarks_of

if TYPE_CHECKING:
    from cnncalc.checks.check import Checkup

SEVERITIES = {"error": "major", "warning": "minor", "note": "info"}


def write(checkup: Checkup) -> str:
    """The outcomes as issues; a file that cannot be read is critical."""
    remarks = remarks_of(checkup)
    issues = [
        {
            "description": remark.text,
            "check_name": f"cnncalc-{remark.code}",
            "fingerprint": fingerprint,
            "severity": "critical" if remark.rank == BROKEN_FILE else SEVERITIES[remark.severity],
            "location": {
                "path": remark.path or remark.file,
                "lines": {"begin": remark.span.line if remark.span is not None else 1},
            },
        }
        for remark, fingerprint in zip(remarks, fingerprints(remarks), strict=True)
    ]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"
