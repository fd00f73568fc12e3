"""Writes one county's workbook, row by row, with the same bytes for the same roster."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from deploy.sample.chance import Stream, stream
from deploy.sample.columns import (
    EVENT_COLUMNS,
    EVENT_SHEET,
    FILE_COLUMNS,
    FILE_SHEET,
    SUPPLEMENT_COLUMNS,
    SUPPLEMENT_SHEET,
)
from deploy.sample.model import COUNTED_COSTS, OTHER_COSTS, Event, Household, Person
from deploy.sample.particulars import Cell, categories, particulars
from deploy.sample.roster import Roster

_CREATED = datetime(2025, 1, 1, tzinfo=UTC)
_IN_MEMORY_HOUSEHOLDS = 5_000
"""Up to here (some 150 MB) a workbook is held in memory, which is faster and shares repeated texts."""
_MONEY = frozenset(
    (
        "本人月平均收入",
        "家庭其他年收入",
        "家庭年度总收入",
        "家庭月人均收入",
        "月收入",
        "其中居民养老金(月)",
        "意外损失",
        "已获赔偿补偿",
        "数值",
        *COUNTED_COSTS,
        *OTHER_COSTS,
    )
)


def write(roster: Roster, path: Path, seed: int) -> None:
    """Write the roster; an existing file is replaced."""
    chance = stream(seed, roster.figures.day.year, roster.county.code, "particulars")
    large = len(roster.households) > _IN_MEMORY_HOUSEHOLDS
    book = Workbook(path, {"constant_memory": large, "strings_to_urls": False})
    book.set_properties({"title": f"{roster.county.name}困难职工档案（样例数据）", "created": _CREATED})
    sheets = [
        _Sheet(book, FILE_SHEET, FILE_COLUMNS),
        _Sheet(book, SUPPLEMENT_SHEET, SUPPLEMENT_COLUMNS),
        _Sheet(book, EVENT_SHEET, EVENT_COLUMNS),
    ]
    for household in roster.households:
        _write_household(sheets[0], sheets[1], household, roster, chance)
    for event in roster.events:
        sheets[2].add(_event_cells(event))
    book.close()


class _Sheet:
    """A sheet that takes its rows one after another as cells by column name."""

    def __init__(self, book: Workbook, name: str, columns: Sequence[str]) -> None:
        self._sheet: Worksheet = book.add_worksheet(name)
        self._money: Format = book.add_format({"num_format": "0.00"})
        self._day: Format = book.add_format({"num_format": "yyyy-mm-dd"})
        self._columns = {column: place for place, column in enumerate(columns)}
        self._row = 0
        head = book.add_format({"bold": True})
        self._sheet.freeze_panes(1, 2)
        for column, place in self._columns.items():
            self._sheet.write_string(0, place, column, head)

    def add(self, cells: Mapping[str, Cell | date]) -> None:
        """Write the next row; fen become yuan, empty texts no cell at all."""
        self._row += 1
        for column, value in cells.items():
            place = self._columns[column]
            if isinstance(value, str):
                if value:
                    self._sheet.write_string(self._row, place, value)
            elif isinstance(value, date):
                self._sheet.write_datetime(self._row, place, value, self._day)
            elif column in _MONEY:
                self._sheet.write_number(self._row, place, value / 100, self._money)
            else:
                self._sheet.write_number(self._row, place, value)


def _write_household(form: _Sheet, supplement: _Sheet, household: Household, roster: Roster, chance: Stream) -> None:
    extra = particulars(household, roster.county, chance)
    for place, person in enumerate(household.people):
        cells = _person_cells(household, person)
        facts = _fact_cells(household, person)
        if place == 0:
            cells |= _head_cells(household, roster) | extra
            facts |= _household_facts(household, str(extra["企业状况"]))
        else:
            cells |= {"月收入": person.monthly, "身份": person.standing, "单位或学校": person.unit}
        form.add(cells)
        supplement.add(facts)


def _person_cells(household: Household, person: Person) -> dict[str, Cell | date]:
    return {
        "家庭编号": household.number,
        "关系": person.relation,
        "姓名": person.name,
        "民族": person.ethnic,
        "性别": "男" if person.male else "女",
        "政治面貌": person.politics,
        "身份证号": person.number,
        "出生日期": str(person.birth),
        "健康状况": person.health,
        "残疾类别": person.disability,
        "医保状况": person.insurance,
    }


def _head_cells(household: Household, roster: Roster) -> dict[str, Cell | date]:
    declared = 12 * sum(person.monthly for person in household.people) + household.other_income
    size = len(household.people)
    return {
        "职工编号": f"{roster.county.code}{household.opened.year}{household.number:05d}",
        "工作状态": household.worker.standing,
        "劳模类型": household.rank,
        "住址": household.address,
        "本人月平均收入": household.worker.monthly,
        "家庭其他年收入": household.other_income,
        "家庭年度总收入": declared,
        "家庭人口": size,
        "家庭月人均收入": declared // (12 * size),
        "户口所在地行政区划": roster.county.code,
        "银行卡号": household.card,
    }


def _fact_cells(household: Household, person: Person) -> dict[str, Cell | date]:
    return {
        "家庭编号": household.number,
        "身份证号": person.number,
        "其中居民养老金(月)": person.pension,
        "有劳动能力": "是" if person.able else "否",
        "已获其他助学": "是" if person.aided else "否",
    }


def _household_facts(household: Household, condition: str) -> dict[str, Cell | date]:
    costs = {kind: household.costs.get(kind, 0) for kind in (*COUNTED_COSTS, *OTHER_COSTS)}
    return {
        **costs,
        "财产情形": "；".join(household.properties),
        "意外损失": household.loss,
        "已获赔偿补偿": household.compensation,
        "帮扶对象类别": categories(household, condition),
        "申请项目": "；".join(household.applications),
        "档案更新日期": household.updated,
        "建档日期": household.opened,
    }


def _event_cells(event: Event) -> dict[str, Cell | date]:
    cells: dict[str, Cell | date] = {
        "事项": event.kind,
        "家庭编号": event.number,
        "项目": event.programme,
        "说明": event.note,
    }
    return cells if event.amount is None else cells | {"数值": event.amount}
