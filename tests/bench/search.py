"""Figures of the search box, of the list of files and of the look for duplicates: 50,000 files, 150,000 persons and 5,000
employers in one county, under its policies. Of each kind of question the whole call of the service, and what the database says
that it took to execute (``explain analyze``), as median and 95th percentile.

``python -m tests.bench.search 5000`` does it with so many files.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select, text

from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.session import ScopedSession, app_engine, unit_of_work
from core.parameters.service import set_parameter
from core.people.duplicates.service import propose_duplicates
from core.people.employers.models import Employer
from core.people.life.models import FileProposal
from core.people.listing import NEVER, FileFilter, count_files, list_files, townships
from core.people.models import Household, Membership, Person, SearchToken, WorkerFile
from core.people.search.finding import find, find_cases, find_employers
from core.people.search.words import file_number_word, found_by, further_words
from core.scope import entered
from core.tenancy.service import system_scope
from core.text.pinyin import name_pinyin, place_pinyin
from deploy.connection import owner_engine
from tests.bench.archive import COUNTY, DAY, an_installation

FILES, STEP, TIMES, EXPLAINED = 50_000, 1_000, 20, 5
EMPLOYERS = 5_000
PROVINCE = f"{COUNTY[:2]}0000"
TOWNSHIPS = 25
SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔任陆"
    "廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚单解仇区查"
)
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂红玉萍鑫波斌宇浩凯健俊帆雪琳晶莉鹏辉晓建国志文华春梅小大海云龙飞燕"
KINDS = {
    "surname": ("王", "李", "张", "单"),
    "name": ("王伟", "李秀英", "张小明", "欧阳修"),
    "given name": ("秀英", "小明", "建国"),
    "one letter": ("w", "l", "z", "s"),
    "initials": ("wx", "lxy", "zxm", "wj"),
    "pinyin": ("wang", "li", "zhangxiao", "wangxiaoming"),
    "confused or mistyped": ("zanxiaomin", "wnagxiaoming", "lixiuyin", "xxxxxxx"),
    "last four": ("1234", "0007", "999x", "4321"),
    "file number": ("JJ2025-00042", "JJ2025-4", "jj2025"),
    "employer": ("锦江纺织厂第12号", "纺织", "jjfz", "jinjiangfang", "91510104"),
    "nobody": ("欧阳绝无此人", "qqqqqq", "510104190001010000"),
}


def _searched(session: ScopedSession, text: str) -> None:
    """All that the search box asks."""
    find(session, text)
    find_employers(session, text)
    find_cases(session, text)


FILTERS = {
    "all": FileFilter(),
    "state, most of all": FileFilter(status="on_file"),
    "state, few": FileFilter(status="visited"),
    "kind": FileFilter(kind="deep"),
    "no kind": FileFilter(kind=NEVER),
    "category": FileFilter(category="laid_off"),
    "category, few": FileFilter(category="bankrupt_firm"),
    "township": FileFilter(township="街道3"),
    "no township": FileFilter(township=NEVER),
    "stale": FileFilter(stale=True),
    "to be reassessed": FileFilter(reassess=True),
    "proposed": FileFilter(proposed="above_line"),
    "township, state and kind": FileFilter(status="on_file", kind="deep", township="街道3"),
    "township and category": FileFilter(township="街道3", category="laid_off"),
}
"""Filters of the list; each is asked for its first page and for one in the middle."""


def fill(files: int) -> None:
    """So many files of three persons each; names as frequent as they are."""
    chance = random.Random(7)
    weights = [1 / (place + 3) for place in range(len(SURNAMES))]
    for start in range(0, files, STEP):
        with entered(system_scope(COUNTY, "bench", on=DAY)), unit_of_work() as session:
            _some(session, range(start, min(start + STEP, files)), chance, weights)


def _some(session: ScopedSession, numbers: range, chance: random.Random, weights: list[float]) -> None:
    models = (Person, Household, Membership, WorkerFile, SearchToken, FileProposal)
    rows: dict[Any, list[dict[str, Any]]] = {model: [] for model in models}
    for number in numbers:
        home, file_number = new_id(), f"JJ2025-{number:05d}"
        rows[Household].append({"id": home, "address": f"四川省成都市锦江区东风村{number // 100}组"})
        surname = chance.choices(SURNAMES, weights)[0]
        for place, relation in enumerate(("head", "spouse", "son")):
            own = surname if place != 1 else chance.choices(SURNAMES, weights)[0]
            name = own + "".join(chance.choices(GIVEN, k=chance.choice((1, 2, 2))))
            person, last = new_id(), f"{chance.randrange(1000):03d}{chance.choice('0123456789X')}"
            spoken, masked = name_pinyin(name), f"510104********{last}"
            rows[Person].append(
                {
                    "id": person,
                    "name": name,
                    "pinyin": spoken.sort_key,
                    "gender": "2" if place == 1 else "1",
                    "birth_date": date(1950, 1, 1) + timedelta(days=chance.randrange(20_000)),
                    "identity_masked": masked,
                    "identity_token": chance.randbytes(32),
                    **{column: values[0] for column, values in found_by([name], [spoken], [masked]).items()},
                    "phone_last_four": f"{chance.randrange(10_000):04d}" if place == 0 else None,
                }
            )
            rows[Membership].append({"household_id": home, "person_id": person, "relation": relation, "valid_from": DAY})
            words = further_words(name, [file_number_word(file_number)] if place == 0 else [])
            rows[SearchToken] += [{"token": word, "subject_kind": "person", "subject_id": person} for word in words]
            if place == 0:
                rows[WorkerFile].append(_file(chance, home, person, file_number))
                if number % 50 == 0:
                    found = {"kind": "above_line", "since": DAY, "found_on": DAY}
                    rows[FileProposal].append({"household_id": home, **found})
    for model, values in rows.items():
        insert_rows(session, model, values)


def _file(chance: random.Random, home: Any, person: Any, file_number: str) -> dict[str, Any]:
    """A file in one of the states, kinds and townships in which files are, one in fifteen unchanged for more than a year."""
    return {
        "household_id": home,
        "worker_id": person,
        "file_number": file_number,
        "status": chance.choices(("on_file", "out_of_difficulty", "visited", "draft"), (90, 8, 1, 1))[0],
        "kind": chance.choices(("deep", "relative", "accident", None), (20, 60, 10, 10))[0],
        "former_kind": chance.choices((None, "low_income"), (9, 1))[0],
        "categories": chance.choices((["laid_off"], ["unemployed"], ["laid_off", "unemployed"], ["bankrupt_firm"]),
                                     (40, 40, 19, 1))[0],
        "township": chance.choice((*(f"街道{number}" for number in range(TOWNSHIPS)), None)),
        "opened_on": DAY,
        "updated_on": DAY - timedelta(days=chance.randrange(390)),
    }  # fmt: skip


def _looked_over() -> None:
    """What autovacuum does within minutes: statistics, and which pages everybody sees."""
    engine = owner_engine()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    engine.dispose()


def _employ(count: int) -> None:
    """So many employers, of names that begin alike, as they do in a county."""
    with entered(system_scope(COUNTY, "bench", on=DAY)), unit_of_work() as session:
        rows = []
        for number in range(count):
            name = f"锦江{('纺织厂', '机械公司', '食品公司', '建筑公司')[number % 4]}第{number}号"
            read = place_pinyin(name)
            rows.append({"name": name, "pinyin": read.sort_key, "spoken": read.full, "initials": read.initials})
        insert_rows(session, Employer, rows)
    with entered(system_scope(PROVINCE, "system:parameters", on=DAY)), unit_of_work() as session:
        set_parameter(session, "stale_after_days", date(2025, 1, 1), 365, "性能实测", "domain 10")


Call = Callable[[ScopedSession], object]


@contextmanager
def _told() -> Iterator[list[tuple[str, Any]]]:
    """The questions that are put to the database meanwhile, with what they are bound to."""
    asked: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, bound: Any, *_: Any) -> None:
        if statement.lstrip().lower().startswith(("select", "with")) and " from " in statement.lower().replace("\n", " "):
            asked.append((statement, bound))

    event.listen(app_engine(), "before_cursor_execute", hear)
    try:
        yield asked
    finally:
        event.remove(app_engine(), "before_cursor_execute", hear)


def _executed(call: Call) -> float:
    """Milliseconds that the database executes what the call asks, by its own word."""
    with unit_of_work() as session:
        with _told() as asked:
            call(session)
        total = 0.0
        for statement, bound in asked:
            said = session.connection().exec_driver_sql(f"explain (analyze, timing off, format json) {statement}", bound)
            total += said.scalar_one()[0]["Execution Time"]
        return total


def _spread(taken: Sequence[float]) -> str:
    found = sorted(taken)
    return f"{found[len(found) // 2]:.1f} / {found[int(len(found) * 0.95)]:.1f}"


def _figure(what: str, calls: Sequence[Call]) -> tuple[str, str]:
    whole = []
    for _ in range(TIMES):
        for call in calls:
            with unit_of_work() as session:
                session.connection()
                started = time.perf_counter()
                call(session)
                whole.append((time.perf_counter() - started) * 1000)
    inside = [_executed(call) for _ in range(EXPLAINED) for call in calls]
    figure = f"{_spread(whole)} ms, in the database {_spread(inside)} ms"
    print(what, figure, flush=True)
    return f"{what}, p50 / p95", figure


def _listed(wanted: FileFilter) -> list[Call]:
    """The first page of a filter, and one far behind."""
    with unit_of_work() as session:
        rows = list_files(session, wanted, None, 5_000)
    middle = rows[len(rows) // 2].file_id
    return [lambda session: list_files(session, wanted, None, 51), lambda session: list_files(session, wanted, middle, 51)]


def measure(files: int = FILES) -> list[tuple[str, str]]:
    """Fill a county, search it in every way, look for duplicates."""
    with tempfile.TemporaryDirectory(prefix="bangfu-bench-") as folder:
        home = Path(folder) / "search"
        home.mkdir(mode=0o700)
        with an_installation(home, opened=True):
            started = time.perf_counter()
            fill(files)
            _employ(EMPLOYERS)
            filled = time.perf_counter() - started
            _looked_over()
            with entered(system_scope(COUNTY, "bench", on=DAY)):
                with unit_of_work() as session:
                    words = session.scalar(select(func.count()).select_from(SearchToken)) or 0
                figures = [("search: filled", f"{files:,} files, {words:,} words, {filled:.0f} s")]
                for kind, texts in KINDS.items():
                    figures.append(_figure(f"search: {kind}", [partial(_searched, text=text) for text in texts]))
                for kind, wanted in FILTERS.items():
                    figures.append(_figure(f"list: {kind}", _listed(wanted)))
                figures.append(_figure("list: its counts", [count_files]))
                figures.append(_figure("list: its townships", [townships]))
                with unit_of_work() as session:
                    started = time.perf_counter()
                    pairs = propose_duplicates(session)
                    figures.append(("duplicates: whole county", f"{time.perf_counter() - started:.1f} s, {pairs:,} pairs"))
                with unit_of_work() as session:
                    someone = find(session, "王伟")[0].person_id
                    started = time.perf_counter()
                    propose_duplicates(session, [someone])
                    figures.append(("duplicates: one person", f"{(time.perf_counter() - started) * 1000:.0f} ms"))
    return figures


if __name__ == "__main__":
    for what, figure in measure(int(sys.argv[1]) if len(sys.argv) > 1 else FILES):
        print(f"{what}: {figure}")
