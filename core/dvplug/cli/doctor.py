"""`dvplug doctor`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from dvplug.cli.parameters import Json

_COLOUR = {"ok": "green", "note": "yellow", "problem": "red"}


def doctor(*, as_json: Json = False) -> None:
    """Examine this installation: plugins, models and their known answers, registries, htslib. Exits 2 on a problem.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    from rich.markup import escape
    from rich.table import Table

    from dvplug.cli.exits import EXIT_USER_CAN_MEND
    from dvplug.doctor import examine
    from dvplug.plugins.loading import installed_plugins
    from dvplug.system.rich_console import stdout

    findings = list(examine(installed_plugins()))
    if as_json:
        stdout.out(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        table = Table("what", "status", "found", box=None, pad_edge=False)
        for found in findings:
            text = found.text + (f". {found.repair}" if found.repair else "")
            table.add_row(escape(found.what), f"[{_COLOUR[found.status]}]{found.status}[/]", escape(text))
        stdout.print(table)
    if any(finding.status == "problem" for finding in findings):
        sys.exit(EXIT_USER_CAN_MEND)
