"""Figures of a large import: from the file to checked pieces, from these to committed tables, and the memory that it took.

``python -m tests.bench.imports 100000`` takes so many rows; the file has forty columns and an error in every fiftieth row.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import psutil
from stdnum.cn.ric import calc_check_digit
from xlsxwriter import Workbook

from core.db.session import unit_of_work
from core.jobs.runner import run_inline
from core.people.imports.service import import_named, send, start_commit
from core.scope import entered
from core.tenancy.service import system_scope
from tests.bench.installation import COUNTY, DAY, Figures, installation, need_county
from tests.bench.search import GIVEN, SURNAMES

ROWS: Final = 100_000
PERSONS: Final = 3
EVERY_S: Final = 0.5
HEAD: Final = (
    "家庭编号", "关系", "职工编号", "姓名", "民族", "性别", "政治面貌", "身份证号", "出生日期", "健康状况",
    "工作状态", "住房类型", "建筑面积", "手机", "其他联系方式", "邮编", "工作时间", "婚姻状况", "户口类型", "住址",
    "工作单位", "单位性质", "企业状况", "是否单亲", "月收入", "家庭其他年收入", "户口所在地行政区划", "医保状况",
    "有无自救能力", "是否零就业家庭", "主要致困原因", "开户银行", "支行名称", "银行卡号", "备注", "建档人", "审核人",
    "录入人", "因病刚性支出", "建档日期",
)  # fmt: skip


def _number(serial: int) -> tuple[str, str]:
    """An identity number with its birth date; another one for each serial."""
    day, place = divmod(serial, 490)
    born = f"{1950 + day // 336 % 60}{1 + day % 336 // 28:02d}{1 + day % 28:02d}"
    first = f"{510104 if day < 336 * 60 else 510105}{born}{place * 2 + 1:03d}"
    return first + calc_check_digit(first + "0"), f"{born[:4]}-{born[4:6]}-{born[6:]}"


def _name(serial: int) -> str:
    """A name; nearly every serial has another."""
    chance = Random(serial)
    return chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=2))


def _row(serial: int) -> list[str | float | None]:
    household, place = divmod(serial, PERSONS)
    number, born = _number(serial)
    told: dict[str, str | float] = {
        "家庭编号": f"H{household}",
        "关系": "其他" if place else "户主",
        "姓名": _name(serial),
        "民族": "汉族",
        "性别": "男",
        "政治面貌": "群众",
        "身份证号": number[:-1] + "?" if serial % 50 == 7 else number,
        "出生日期": born,
        "健康状况": "健康",
        "手机": f"138{serial:08d}",
        "婚姻状况": "已婚",
        "户口类型": "非农业户口",
        "月收入": 1200.5 + place,
        "户口所在地行政区划": "510104",
    }
    if place == 0:
        told |= _of_household(household)
    return [told.get(name) for name in HEAD]


def _of_household(household: int) -> dict[str, str | float]:
    return {
        "职工编号": f"D{household:06d}",
        "住房类型": "自有住房",
        "建筑面积": 60.5,
        "邮编": "610000",
        "工作时间": "2001-07-01",
        "住址": f"成都市金牛区蜀门北路{household}号",
        "工作单位": "某某机械厂",
        "是否单亲": "否",
        "家庭其他年收入": 0,
        "是否零就业家庭": "否",
        "开户银行": "中国工商银行",
        "支行名称": "蜀门支行",
        "银行卡号": f"62170001{household:011d}",
        "备注": "无",
        "建档人": "张三",
        "审核人": "李四",
        "录入人": "王五",
        "因病刚性支出": 5000,
        "建档日期": "2024-03-01",
    }


def _file(path: Path, rows: int) -> None:
    with Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("名册")
        for place, name in enumerate(HEAD):
            sheet.write_string(0, place, name)
        for serial in range(rows):
            for place, cell in enumerate(_row(serial)):
                if isinstance(cell, str):
                    sheet.write_string(serial + 1, place, cell)
                elif cell is not None:
                    sheet.write_number(serial + 1, place, cell)


def measure(rows: int = ROWS) -> Figures:
    """Send a file, have it checked, commit it; in an installation that stands with an open county."""
    with tempfile.TemporaryDirectory(prefix="bangfu-bench-") as folder:
        path = Path(folder) / "roster.xlsx"
        _file(path, rows)
        clerk = replace(system_scope(COUNTY, "bench", on=DAY), permissions=frozenset({"people.import"}))
        with entered(clerk):
            with unit_of_work() as session, path.open("rb") as file:
                made = send(session, path.name, file).made
            checking, committing = Most(), Most()
            with checking:
                checked = _worked(made.job_id)
            with unit_of_work() as session:
                made = start_commit(session, made.id)
            with committing:
                committed = _worked(made.job_id)
            with unit_of_work() as session:
                made = import_named(session, made.id)
    if made.state != "committed":
        raise AssertionError(made.state)
    told = f"{rows:,} rows x {len(HEAD)} columns, {made.counts['errors']:,} errors"
    return [
        ("import: file to checked pieces", f"{told} in {checked:.1f} s"),
        (
            "import: pieces to committed tables",
            f"{made.households:,} households, {made.persons:,} persons in {committed:.1f} s",
        ),
        ("import: most memory while checking, with the child that reads", f"{checking.mb:,.0f} MB"),
        ("import: most memory while committing", f"{committing.mb:,.0f} MB"),
    ]


class Most:
    """The most memory that this process and its children but the database hold at a time, in MB; what two of them share counts
    twice, since to look closer stops them for a good part of the time."""

    def __init__(self) -> None:
        self.mb = 0.0
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._looking.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def _look(self) -> None:
        me = psutil.Process()
        while not self._over.wait(EVERY_S):
            self.mb = max(self.mb, sum(_held(one) for one in (me, *me.children())) / 1024**2)


def _held(process: psutil.Process) -> int:
    try:
        return 0 if process.name() == "postgres" else int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _worked(job_id: object) -> float:
    started = time.perf_counter()
    seen = run_inline(COUNTY, job_id)  # type: ignore[arg-type]  # an import that was sent or confirmed has its job
    if seen["state"] != "done":
        raise AssertionError(seen["error"])
    return time.perf_counter() - started


if __name__ == "__main__":
    with installation():
        need_county()
        for what, figure in measure(int(sys.argv[1]) if sys.argv[1:] else ROWS):
            print(f"{what}: {figure}")
