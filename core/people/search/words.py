"""Words by which the search box finds a person (查找词). They are compared by equality and by their beginning, never otherwise:
that alone keeps its index under row-level security. Some begin with a sign that tells them from what else sounds alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.db.bulk import insert_rows
from core.db.statements import tenant_sql
from core.people.models import SearchToken
from core.text.normalise import NAME_DOT, fold_name
from core.text.pinyin import NamePinyin, confused, name_pinyin, other_pinyin
from core.text.surnames import surname_length

PART: Final = "+"
"""Before a part of a name that is not its beginning: the given name, the words behind a dot or a space."""
INITIALS: Final = "'"
"""Before initials; a space and the pinyin follow, so that of many with the same initials the first come in order."""
CONFUSED: Final = "~"
"""Before the form of the pinyin in which what is often confused is equal."""
_SIGNS: Final = PART + INITIALS + CONFUSED
MOST: Final = 10
"""Words of one person. Nearly everybody has six to eight; more have those whose name is read in two ways."""
_LAST: Final = 4
_IS_LAST_FOUR: Final = re.compile(r"[0-9]{3}[0-9x]").fullmatch

_ROWS: Final = """
select id, name, identity_masked, phone_masked from person
where tenant = :tenant and id = any (:persons) and erased_at is null order by id
"""
_FILE_NUMBERS: Final = """
select worker_id, file_number from worker_file where tenant = :tenant and worker_id = any (:persons) order by file_number
"""
_REMOVED: Final = """
delete from search_token where tenant = :tenant and subject_kind = 'person' and subject_id = any (:persons)
"""


def search_words(
    name: str, spoken: NamePinyin, number: str | None, more: Iterable[str] = (), phone: str | None = None
) -> set[str]:
    """All words of a person, at most ``MOST``: those that are surest to be asked for stay.

    ``number`` and ``phone`` may be masked, since their last four alone are read, which the masked form shows anyway. ``more``
    are words as they are, e.g. the file number in lower case.
    """
    folded, full = fold_name(name), spoken.full
    words = [folded, full, _initials(spoken), *more, _last_four(number), _last_four(phone)]
    others = other_pinyin(name)
    words += [other.full for other in others]
    words.append(CONFUSED + confused(full))
    words += [PART + part for part in _parts(folded)]
    words += [_initials(other) for other in others if other.initials != spoken.initials]
    return set([word for word in dict.fromkeys(words) if word.strip(_SIGNS)][:MOST])


def file_number_word(number: str) -> str:
    """A file number as it is searched for."""
    return fold_name(number)


def _initials(spoken: NamePinyin) -> str:
    return f"{INITIALS}{spoken.initials} {spoken.full}" if spoken.initials else ""


def _last_four(value: str | None) -> str:
    last = (value or "")[-_LAST:].lower()
    return last if _IS_LAST_FOUR(last) else ""


def _parts(folded: str) -> list[str]:
    if NAME_DOT in folded or " " in folded:
        return [part for part in folded.replace(NAME_DOT, " ").split(" ")[1:] if part]
    given = folded[surname_length(folded) :]
    return [given] if given else []


def renew_search_words(session: Session, persons: Sequence[UUID]) -> None:
    """Write the words of ``persons`` anew from their rows, after a name, a number, a phone or the worker of a file changed.
    Three statements, however many there are; who is erased has none."""
    wanted = {"persons": list(persons)}
    numbers: dict[UUID, list[str]] = defaultdict(list)
    for worker, number in session.execute(tenant_sql(_FILE_NUMBERS), wanted):
        numbers[worker].append(file_number_word(number))
    rows: list[dict[str, Any]] = []
    for found in session.execute(tenant_sql(_ROWS), wanted):
        words = search_words(found.name, name_pinyin(found.name), found.identity_masked, numbers[found.id], found.phone_masked)
        rows += [{"token": word, "subject_kind": "person", "subject_id": found.id} for word in sorted(words)]
    session.execute(tenant_sql(_REMOVED), wanted)
    insert_rows(session, SearchToken, rows)
