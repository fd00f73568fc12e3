"""``python -m tests.house_lint``: prints each breach as file:line with its mend; exit status 1 where there is one."""

from __future__ import annotations

import sys

from tests.house_lint.tree import breaches_of, sources


def main() -> int:
    """Look at the whole tree; the exit status."""
    looked, found = 0, 0
    for source in sources():
        looked += 1
        for breach in breaches_of(source):
            found += 1
            print(breach)
    print(f"{looked} files, {found} breaches of house rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
