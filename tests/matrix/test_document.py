"""The printed table is that of the declarations."""

from __future__ import annotations

from tests.matrix.document import COMMAND, PAGE, page


def test_the_printed_table_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"docs/permissions.md is not up to date: run `{COMMAND}`"
