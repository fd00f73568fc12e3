"""Small rosters of invented people, as flat tables: one row a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn.ric import calc_check_digit
from xlsxwriter import Workbook

from core.scope import Scope
from tests.conftest import COUNTY, OTHER_COUNTY
from tests.core.lines import with_key

HEAD = (
    "家庭编号", "关系", "姓名", "身份证号", "性别", "手机", "月收入", "健康状况", "住址", "银行卡号", "职工编号", "建档日期",
    "因病刚性支出",
)  # fmt: skip


Acting = Callable[..., AbstractContextManager[Scope]]
MAY = frozenset({"people.import", "people.write", "people.read"})


@pytest.fixture
def counties(acting: Acting) -> Acting:
    """Acting where both counties have their data key."""
    for tenant in (COUNTY, OTHER_COUNTY):
        with_key(acting, tenant)
    return acting


def clerk(acting: Acting, tenant: str = COUNTY, **more: Any) -> AbstractContextManager[Scope]:
    """Somebody who takes rosters in."""
    return acting(tenant, actor="clerk", permissions=MAY, **more)


def number_of(serial: int) -> str:
    """A valid identity number, another one for each ``serial`` (below 500), of a man; of a grown one where it ends in 1."""
    first = f"510104{1980 if serial % 10 == 1 else 2008}0101{serial * 2 + 1:03d}"
    return first + calc_check_digit(first + "0")


@dataclass(frozen=True)
class Row:
    """A person of a household; the head's row holds what is the household's."""

    household: str
    relation: str
    name: str
    serial: int
    income: Any = 1200
    more: dict[str, Any] = field(default_factory=dict)

    def cells(self) -> list[Any]:
        """The row under ``HEAD``."""
        told: dict[str, Any] = {
            "家庭编号": self.household,
            "关系": self.relation,
            "姓名": self.name,
            "身份证号": number_of(self.serial),
            "性别": "男",
            "手机": f"1380000{self.serial:04d}",
            "月收入": self.income,
            "健康状况": "健康",
        }
        if self.relation == "户主":
            told |= {"住址": f"成都市金牛区蜀门北路{self.serial}号", "银行卡号": f"621700012345678{self.serial:04d}"}
            told |= {"职工编号": f"D{self.serial:04d}", "建档日期": "2024-03-01", "因病刚性支出": 5000}
        told |= self.more
        return [told.get(name) for name in HEAD]

    def but(self, **more: Any) -> Row:
        """The same with other values: fields of the row, or cells by their heading."""
        own = {name: more.pop(name) for name in list(more) if name in ("household", "relation", "name", "serial", "income")}
        return replace(self, **own, more=self.more | more)


def family(serial: int, size: int = 2) -> list[Row]:
    """A household whose persons have the numbers from ``serial`` on."""
    key = f"H{serial}"
    names = ("王建国", "王小明", "王小红", "王小军")
    return [Row(key, "户主" if place == 0 else "子女", names[place], serial + place) for place in range(size)]


def workbook(rows: Sequence[Row], head: Sequence[str] = HEAD) -> BytesIO:
    """The rows as the bytes of an .xlsx file."""
    target = BytesIO()
    with Workbook(target, {"in_memory": True}) as book:
        book.set_properties({"created": datetime(2025, 1, 1, tzinfo=UTC)})  # the same rows are the same bytes
        sheet = book.add_worksheet("名册")
        for number, cells in enumerate([head, *(row.cells() for row in rows)]):
            for place, cell in enumerate(cells):
                if isinstance(cell, str):
                    sheet.write_string(number, place, cell)
                elif cell is not None:
                    sheet.write_number(number, place, cell)
    target.seek(0)
    return target


def saved(folder: Path, name: str, rows: Sequence[Row]) -> Path:
    """The rows as a file."""
    path = folder / name
    path.write_bytes(workbook(rows).getvalue())
    return path
