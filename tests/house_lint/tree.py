"""Which files are looked at, and all rules over them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.house_lint import code, files
from tests.house_lint.breach import Breach, Source

ROOT = Path(__file__).resolve().parents[2]

_TEXTS = frozenset(
    {".py", ".html", ".js", ".mjs", ".css", ".md", ".toml", ".yaml", ".in", ".txt", ".sql", ".json", ".csv", ".npmrc"}
)
_OWN = ("tests/house_lint/", "tests/test_house_lint.py")
"""The rules and their tests name what they forbid."""

ALLOWED = {
    ("raw_sql", "core/web/app.py"): "the health check asks the database whether it answers, and touches no table",
    ("money", "core/web/pages/funds.py"): "the length of a bar is a share of a whole, no amount",
    ("money", "tenants/pages.py"): "a chart draws shares and 万元; no amount is computed from them",
    ("silenced", "core/host/hookspecs.py"): "the specification of a hook has no body; the module says what each answers",
}
"""(rule, file) and why the rule does not hold there."""


def paths(root: Path = ROOT) -> list[str]:
    """Files under version control or about to be, as git lists them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({path for path in listed.stdout.split("\0") if path and (root / path).is_file()})


def sources(root: Path = ROOT) -> Iterator[Source]:
    """The text files of the tree, without those that state the rules."""
    for path in paths(root):
        plain = Path(path).suffix in _TEXTS or Path(path).name in {"Makefile", "run", ".gitignore", ".npmrc"}
        if plain and not path.startswith(_OWN):
            yield Source(path, (root / path).read_text(encoding="utf-8"))


def breaches_of(source: Source) -> list[Breach]:
    """All breaches in one file, in the order of its lines."""
    found = [breach for rule in files.RULES for breach in rule(source)]
    if source.suffix == ".py":
        found += [breach for rule in code.RULES for breach in rule(source)]
    return sorted(breach for breach in found if (breach.rule, breach.path) not in ALLOWED)
