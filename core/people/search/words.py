"""What the search box finds a person by (查找词): columns of the person's own row, and words of what only some
have beside them.

All are compared by equality and by their beginning, never otherwise: that alone keeps an index under row-level security. Of
nearly everybody the columns say everything; each is one entry of one index, where a row of words would be a row and two.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.db.bulk import insert_rows, update_rows
from core.db.statements import tenant_sql
from core.people.models import FOUND_BY, Person, SearchToken
from core.text.normalise import NAME_DOT, fold_name
from core.text.pinyin import NamePinyin, confused, name_pinyin, other_pinyin
from core.text.surnames import surname_length

PART: Final = "+"
"""Before a word that is a further part of a name: what stands behind its second dot or space."""
INITIALS: Final = "'"
"""Before a word that holds initials of a second reading; a space and the pinyin follow, as in the column."""
MOST: Final = 6
"""Words of one person. Nearly nobody has more than one; more have those whose name is read in two ways."""
_SIGNS: Final = PART + INITIALS
LAST: Final = 4
_IS_LAST_FOUR: Final = re.compile(r"[0-9]{3}[0-9x]").fullmatch

_ROWS: Final = """
select id, name, identity_masked, phone_masked from person
where tenant = :tenant and id = any (:persons) and erased_at is null order by id for no key update
"""
_FILE_NUMBERS: Final = """
select worker_id, file_number from worker_file where tenant = :tenant and worker_id = any (:persons) order by file_number
"""
_REMOVED: Final = """
delete from search_token where tenant = :tenant and subject_kind = 'person' and subject_id = any (:persons)
"""


def found_by(names: Sequence[str], spoken: Sequence[NamePinyin], numbers: Sequence[str | None]) -> dict[str, list[str | None]]:
    """The columns ``FOUND_BY`` of persons but for the telephone's, in the order in which names, readings and numbers are given.

    ``spelling`` is the whole pinyin (``wangxiaoming``), ``sounds`` the form of it in which what is often confused is equal,
    ``initials`` have the pinyin behind a space, so that of many with the same the first come in order; ``given_name`` is what
    stands behind the surname, or behind the first dot or space. Numbers may be masked: their last four alone are read.
    None where there is nothing to be found by.
    """
    return {
        "spelling": [one.full or None for one in spoken],
        "sounds": [confused(one.full) or None for one in spoken],
        "initials": [_initials(one) or None for one in spoken],
        "given_name": [next(iter(_parts(fold_name(name))), None) for name in names],
        "last_four": list(map(last_four, numbers)),
    }


def further_words(name: str, more: Iterable[str] = ()) -> set[str]:
    """Words of a person beside the columns, at most ``MOST``: ``more`` as they are (the file number as it is searched for),
    second readings, further parts of the name."""
    others = other_pinyin(name)
    words = [*more, *(other.full for other in others), *(PART + part for part in _parts(fold_name(name))[1:])]
    if others:
        words += [INITIALS + _initials(other) for other in others if other.initials != name_pinyin(name).initials]
    return set([word for word in dict.fromkeys(words) if word.strip(_SIGNS)][:MOST])


def file_number_word(number: str) -> str:
    """A file number as it is searched for."""
    return fold_name(number)


def last_four(value: str | None) -> str | None:
    """The last four of a number or a masked telephone as they are searched for; None where a text does not end so."""
    last = (value or "")[-LAST:].lower()
    return last if _IS_LAST_FOUR(last) else None


def _initials(spoken: NamePinyin) -> str:
    return f"{spoken.initials} {spoken.full}" if spoken.initials else ""


def _parts(folded: str) -> list[str]:
    """Parts of a name that are not its beginning."""
    if NAME_DOT in folded or " " in folded:
        return [part for part in folded.replace(NAME_DOT, " ").split(" ")[1:] if part]
    given = folded[surname_length(folded) :]
    return [given] if given else []


def renew_search_words(session: Session, persons: Sequence[UUID]) -> None:
    """Write what ``persons`` are found by anew from their rows, after a name, a number, a phone or the worker of a file
    changed. A handful of statements, however many there are; who is erased is found by nothing."""
    wanted = {"persons": list(persons)}
    numbers: dict[UUID, list[str]] = defaultdict(list)
    for worker, number in session.execute(tenant_sql(_FILE_NUMBERS), wanted):
        numbers[worker].append(file_number_word(number))
    rows = session.execute(tenant_sql(_ROWS), wanted).all()
    names = [row.name for row in rows]
    columns = {
        "id": [row.id for row in rows],
        **found_by(names, list(map(name_pinyin, names)), [row.identity_masked for row in rows]),
        "phone_last_four": [last_four(row.phone_masked) for row in rows],
    }
    told = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    update_rows(session, Person, told, FOUND_BY)
    session.execute(tenant_sql(_REMOVED), wanted)
    words = [(row.id, word) for row in rows for word in sorted(further_words(row.name, numbers[row.id]))]
    insert_rows(session, SearchToken, [{"token": word, "subject_kind": "person", "subject_id": id_} for id_, word in words])
