"""Hand-made workbooks of a few households, with only the columns the recount reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook

from tests.recount.recount import recount

DAY = date(2025, 9, 1)
LINE_ROW = "510000,minimum_living_standard,2025-01-01,100000,样例数据,domain 10"
"""A line of 1,000 yuan a month: 12,000 a year for one person."""


@dataclass
class Somebody:
    """A person; money in yuan. The worker is 在岗 unless said otherwise."""

    number: str
    status: str = "在岗"
    monthly: float = 0
    male: bool = True
    birth: str | date = "1980-01-01"
    pension: float = 0
    able: bool = True
    aided: bool = False


@dataclass
class Home:
    """A household; the first of ``people`` is the worker."""

    people: Sequence[Somebody]
    other: float = 0
    rank: str = "非劳模"
    costs: dict[str, float] = field(default_factory=dict)
    properties: str = ""
    loss: float = 0
    compensation: float = 0
    apply: str = "年度生活救助"
    card: str = ""
    updated: str | date = "2025-03-01"


def alone(number: str, other: float, **more: Any) -> Home:
    """A worker living alone whose only income is ``other`` yuan a year."""
    return Home([Somebody(number)], other=other, **more)


def write(path: Path, homes: Sequence[Home], events: Sequence[tuple[object, ...]] = ()) -> None:
    """A county's workbook; households are numbered from 1."""
    form: list[dict[str, object]] = []
    supplement: list[dict[str, object]] = []
    for place, home in enumerate(homes, start=1):
        for person in home.people:
            worker = person is home.people[0]
            form.append(_form_row(place, home, person, worker=worker))
            supplement.append(_fact_row(place, home, person, worker=worker))
    book = Workbook(path)
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    heads = ("事项", "家庭编号", "项目", "数值", "说明")
    later = [dict(zip(heads, (*event, ""), strict=True)) for event in events]
    for name, rows, header in (
        ("困难职工档案表", form, list(form[0])),
        ("核定补充表", supplement, list(supplement[0])),
        ("样例事后事项", later, list(heads)),
    ):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, header)
        for line, row in enumerate(rows, start=1):
            for column, title in enumerate(header):
                cell = row.get(title, "")
                if isinstance(cell, date):
                    sheet.write_datetime(line, column, cell, day)
                elif cell != "":
                    sheet.write(line, column, cell)
    book.close()


def _form_row(place: int, home: Home, person: Somebody, *, worker: bool) -> dict[str, object]:
    return {
        "家庭编号": place,
        "关系": "户主" if worker else "其他",
        "性别": "男" if person.male else "女",
        "身份证号": person.number,
        "出生日期": person.birth,
        "工作状态": person.status if worker else "",
        "劳模类型": home.rank if worker else "",
        "本人月平均收入": person.monthly if worker else "",
        "家庭其他年收入": home.other if worker else "",
        "银行卡号": home.card if worker else "",
        "月收入": "" if worker else person.monthly,
        "身份": "" if worker else person.status,
    }


def _fact_row(place: int, home: Home, person: Somebody, *, worker: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "家庭编号": place,
        "身份证号": person.number,
        "其中居民养老金(月)": person.pension,
        "有劳动能力": "是" if person.able else "否",
        "已获其他助学": "是" if person.aided else "否",
    }
    kinds = ("因病刚性支出", "因残刚性支出", "因学刚性支出", "住房刚性支出", "长期照料费用", "必要就业成本", "其他刚性支出")
    household = {
        **{kind: home.costs.get(kind, 0) for kind in kinds},
        "财产情形": home.properties,
        "意外损失": home.loss,
        "已获赔偿补偿": home.compensation,
        "申请项目": home.apply,
        "档案更新日期": home.updated,
    }
    return row | (household if worker else dict.fromkeys(household, ""))


def counted(
    folder: Path,
    homes: Sequence[Home],
    *,
    events: Sequence[tuple[object, ...]] = (),
    rows: Sequence[str] = (),
    second: Sequence[Home] = (),
) -> dict[str, Any]:
    """The recount of county 510104 (and 510704 if ``second`` is given); ``rows`` are further parameter rows."""
    write(folder / "510104.xlsx", homes, events)
    if second:
        write(folder / "510704.xlsx", second)
    parameters = folder / "parameters.csv"
    parameters.write_text("\n".join(("tenant_code,name,valid_from,value,source,clause", LINE_ROW, *rows, "")), encoding="utf-8")
    return recount(folder, parameters, 2025, DAY)


def row(name: str, value: str, valid_from: str = "2020-01-01", tenant: str = "510000") -> str:
    """One parameter row."""
    quoted = value.replace('"', '""')
    return f'{tenant},{name},{valid_from},"{quoted}",样例数据,domain 10'
