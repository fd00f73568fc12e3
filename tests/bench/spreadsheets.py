"""How long a workbook of 100,000 rows and 40 columns takes from the file to the last chunk of plain values, and in what memory.

Nine of ten columns are filled: identity numbers, names, codes, days and amounts, as in an office's list.
"""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import date
from pathlib import Path

from xlsxwriter import Workbook

from core.spreadsheets.reading import open_spreadsheet

ROWS = 100_000
COLUMNS = 40
_WORDS = ["汉族", "城镇", "在岗", "健康", "良好", "是", "否", "群众", "党员", "未婚", "已婚"]
_FIRST_DAY = date(1970, 1, 1).toordinal()


def written(path: Path) -> None:
    """Write the workbook."""
    book = Workbook(path)
    sheet = book.add_worksheet("困难职工档案表")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, [f"列{column}" for column in range(COLUMNS)])
    for row in range(1, ROWS + 1):
        for column in range(COLUMNS):
            match column % 10:
                case 0:
                    sheet.write_string(row, column, f"5101041970{row:08d}")
                case 1:
                    sheet.write_string(row, column, f"姓名{row * 31 + column}")
                case 2 | 3 | 4 | 5:
                    sheet.write_string(row, column, _WORDS[(row + column) % len(_WORDS)])
                case 6:
                    sheet.write_datetime(row, column, date.fromordinal(_FIRST_DAY + (row * 7 + column) % 10_000), day)
                case 7 | 8:
                    sheet.write_number(row, column, (row * 37 + column) % 500_000 / 100)
    book.close()


def measure() -> list[tuple[str, str]]:
    """(what, figure) rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roster.xlsx"
        written(path)
        size = path.stat().st_size
        begun, spent = time.perf_counter(), time.process_time()
        with open_spreadsheet(path) as reading:
            opened = time.perf_counter() - begun
            rows = sum(len(chunk) for sheet in reading.sheets for chunk in reading.rows(sheet.index))
            ended, own = time.perf_counter() - begun, time.process_time() - spent
            peak = _peak(reading._child.pid)
        small = Path(folder) / "small.csv"
        small.write_text("姓名\n张三\n", "utf-8")
        begun = time.perf_counter()
        with open_spreadsheet(small) as reading:
            list(reading.rows(0))
        started = time.perf_counter() - begun
    apart = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    return [
        ("rows and columns of an .xlsx (bytes)", f"{rows:,} x {COLUMNS} ({size:,})"),
        ("looking it through until its sheets are known", f"{opened:.2f} s"),
        ("from the file to the last chunk", f"{ended:.2f} s"),
        ("processor time of the process apart, and of the one that asked", f"{apart:.2f} s, {own:.2f} s"),
        ("peak memory of the process apart", peak),
        ("a file of two lines, with the start of its process", f"{started * 1000:.0f} ms"),
    ]


def _peak(pid: int) -> str:
    """The most memory that a process has held, where the system tells."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return "unknown"
    told = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return f"{int(told['VmHWM'].split()[0]) // 1024} MB"
