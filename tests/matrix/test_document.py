"""The printed table is that of the declarations."""

from __future__ import annotations

from tests.matrix.document import COMMAND, pages


def test_the_printed_tables_are_up_to_date() -> None:
    for place, text in pages().items():
        assert place.read_text(encoding="utf-8") == text, f"docs/{place.name} is not up to date: run `{COMMAND}`"
