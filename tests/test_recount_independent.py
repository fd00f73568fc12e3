"""The recount checks the program's figures, so it may share nothing with the program."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

RECOUNT = Path(__file__).parent / "recount"
READERS = {"python_calamine", "openpyxl", "pytest", "xlsxwriter"}


def _imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import hides where a name comes from"
            names.add(node.module or "")
    return names


def test_the_recount_imports_the_standard_library_and_a_reader_of_workbooks_only() -> None:
    strangers = {name.split(".")[0] for name in _imported(RECOUNT / "recount.py")} - set(sys.stdlib_module_names)
    assert strangers <= {"python_calamine"}


def test_nothing_beside_the_recount_imports_the_program() -> None:
    for path in RECOUNT.glob("*.py"):
        for name in _imported(path):
            top = name.split(".")[0]
            own = name == "tests.recount" or name.startswith("tests.recount.")
            assert own or top in sys.stdlib_module_names or top in READERS, f"{path.name} imports {name}"
