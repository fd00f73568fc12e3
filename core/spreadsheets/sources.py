"""What the reader of each format offers inside the process that parses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from core.spreadsheets.cells import Format, SheetHead


class Source(Protocol):
    """An open file of one format. Errors are ``SpreadsheetRefused``; any other means that the file is damaged."""

    @property
    def format(self) -> Format:
        """What it is."""

    @property
    def date_1904(self) -> bool:
        """Whether days count from 1904."""

    @property
    def sheets(self) -> tuple[SheetHead, ...]:
        """The sheets of cells, with their merged ranges."""

    def frames(self, index: int) -> Iterator[bytes]:
        """The rows of a sheet, encoded, in chunks of at most ``CHUNK_ROWS``."""
