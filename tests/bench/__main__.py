"""``python -m tests.bench``: all entries, or those named; a table of measured figures of this machine."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

ALONE = ("spreadsheets", "rosters", "rules", "tokens", "plugins", "archive", "search", "printing")
INSTALLED = ("tenants", "roster", "imports", "ledger")
ENTRIES = (*ALONE, *INSTALLED)


def _figures(names: list[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if "spreadsheets" in names:
        from tests.bench import spreadsheets

        found += spreadsheets.measure()
    if "rosters" in names:
        from tests.bench import rosters

        found += rosters.measure()
    if "rules" in names:
        from tests.bench import rules

        found += rules.measure()
    if "tokens" in names:
        from tests.bench import tokens

        found += tokens.measure()
    if "plugins" in names:
        from tests.bench import plugins

        found += plugins.measure()
    if "archive" in names:
        from tests.bench import archive

        found += archive.measure()
    if "search" in names:
        from tests.bench import search

        found += search.measure()
    if "printing" in names:
        from tests.bench import printing

        found += printing.measure()
    if set(names) - set(ALONE):
        from tests.bench import installation

        with installation.installation():
            for name in [each for each in INSTALLED if each in names]:
                if name == "tenants":
                    found += installation.onboard()
                    continue
                installation.need_county()
                if name == "imports":
                    from tests.bench import imports

                    found += imports.measure()
                    continue
                found += installation.roster() if name == "roster" else installation.ledger()
    return found


def main(names: list[str]) -> int:
    """Measure the entries called ``names`` (all where there is none); the exit status."""
    unknown = [name for name in names if name not in ENTRIES]
    if unknown:
        print(f"no such entry: {' '.join(unknown)}; there are: {' '.join(ENTRIES)}")
        return 2
    table = Table("what", "measured")
    for what, figure in _figures(names or list(ENTRIES)):
        table.add_row(what, figure)
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
