"""How many official forms are set in a second: one alone with its process, and many in one document, with photos."""

from __future__ import annotations

import resource
import time

from core.people.papers.batches import PART
from core.people.papers.form import WORKER_FILE
from core.printing.typesetting import typeset
from core.printing.word import filled
from tests.core.test_printing import FOOT, photo, sheet

ALONE = 5


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure() -> list[tuple[str, str]]:
    """(what, figure) rows; the first two by the processor time of the child processes."""
    picture = photo(480, 640)
    begun = _children()
    for _ in range(ALONE):
        typeset(WORKER_FILE, [sheet(members=3, picture=picture)], FOOT)
    alone = (_children() - begun) / ALONE
    begun = _children()
    typeset(WORKER_FILE, [sheet(members=3, picture=picture)] * PART, FOOT)
    many = (_children() - begun) / PART
    begun = time.process_time()
    for _ in range(ALONE):
        filled(WORKER_FILE, sheet(members=3, picture=picture), FOOT)
    word = (time.process_time() - begun) / ALONE
    return [
        ("one form as PDF, with its process", f"{alone:.2f} s"),
        (f"forms per second, {PART} in one PDF", f"{1 / many:,.1f}"),
        ("forms per second as .docx", f"{1 / word:,.1f}"),
    ]
