"""Figures of the search box and of the look for duplicates: 50,000 files, 150,000 persons in one county, under its policies.

``python -m tests.bench.search 5000`` does it with so many files.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.session import ScopedSession, unit_of_work
from core.people.duplicates.service import propose_duplicates
from core.people.models import Household, Membership, Person, SearchToken, WorkerFile
from core.people.search.finding import find
from core.people.search.words import file_number_word, search_words
from core.scope import entered
from core.tenancy.service import system_scope
from core.text.pinyin import name_pinyin
from tests.bench.archive import COUNTY, DAY, an_installation

FILES, PERSONS, STEP, TIMES = 50_000, 3, 1_000, 20
_SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔任陆"
    "廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚单解仇区查"
)
_GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂红玉萍鑫波斌宇浩凯健俊帆雪琳晶莉鹏辉晓建国志文华春梅小大海云龙飞燕"
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
}


def fill(files: int) -> None:
    """So many files of three persons each; names as frequent as they are."""
    chance = random.Random(7)
    weights = [1 / (place + 3) for place in range(len(_SURNAMES))]
    for start in range(0, files, STEP):
        with entered(system_scope(COUNTY, "bench", on=DAY)), unit_of_work() as session:
            _some(session, range(start, min(start + STEP, files)), chance, weights)


def _some(session: ScopedSession, numbers: range, chance: random.Random, weights: list[float]) -> None:
    rows: dict[Any, list[dict[str, Any]]] = {model: [] for model in (Person, Household, Membership, WorkerFile, SearchToken)}
    for number in numbers:
        home, file_number = new_id(), f"JJ2025-{number:05d}"
        rows[Household].append({"id": home, "address": f"四川省成都市锦江区东风村{number // 100}组"})
        surname = chance.choices(_SURNAMES, weights)[0]
        for place, relation in enumerate(("head", "spouse", "son")):
            own = surname if place != 1 else chance.choices(_SURNAMES, weights)[0]
            name = own + "".join(chance.choices(_GIVEN, k=chance.choice((1, 2, 2))))
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
                }
            )
            rows[Membership].append({"household_id": home, "person_id": person, "relation": relation, "valid_from": DAY})
            more = [file_number_word(file_number)] if place == 0 else []
            words = search_words(name, spoken, masked, more, f"138****{chance.randrange(10_000):04d}" if place == 0 else None)
            rows[SearchToken] += [{"token": word, "subject_kind": "person", "subject_id": person} for word in words]
            if place == 0:
                rows[WorkerFile].append(
                    {
                        "household_id": home,
                        "worker_id": person,
                        "file_number": file_number,
                        "status": "on_file",
                        "opened_on": DAY,
                        "updated_on": DAY,
                    }
                )
    for model, values in rows.items():
        insert_rows(session, model, values)


def _p95(texts: tuple[str, ...]) -> float:
    taken = []
    for _ in range(TIMES):
        for text in texts:
            with unit_of_work() as session:
                session.connection()
                started = time.perf_counter()
                find(session, text)
                taken.append(time.perf_counter() - started)
    return sorted(taken)[int(len(taken) * 0.95)] * 1000


def measure(files: int = FILES) -> list[tuple[str, str]]:
    """Fill a county, search it in every way, look for duplicates."""
    with tempfile.TemporaryDirectory(prefix="bangfu-bench-") as folder:
        home = Path(folder) / "search"
        home.mkdir(mode=0o700)
        with an_installation(home, opened=True):
            started = time.perf_counter()
            fill(files)
            filled = time.perf_counter() - started
            with entered(system_scope(COUNTY, "bench", on=DAY)):
                with unit_of_work() as session:
                    words = session.scalar(select(func.count()).select_from(SearchToken)) or 0
                figures = [("search: filled", f"{files:,} files, {words:,} words, {filled:.0f} s")]
                for kind, texts in KINDS.items():
                    figures.append((f"search: {kind}, p95", f"{_p95(texts):.1f} ms"))
                    print(*figures[-1], flush=True)
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
