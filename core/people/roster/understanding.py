"""What was understood of a file before its values are read: sheets, layouts, columns; kept as JSON, shown for correction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self

from core.errors import InvalidInput
from core.people.roster.fields import BY_CODE, label_of
from core.people.roster.headings import How

Layout = Literal["flat", "blocks", "wide", "form", "supplement", "ignored"]
HouseholdsBy = Literal["number", "head", "relation", "row", "sheet"]
LAYOUTS: Final[Mapping[str, str]] = {
    "flat": "一人一行",
    "blocks": "分户排列：户主行之后是家庭成员行",
    "wide": "一户一行，家庭成员在同一行的后几列",
    "form": "一户一张表",
    "supplement": "按身份证号或家庭编号补充其他工作表",
    "ignored": "未读入",
}
REASONS: Final[Mapping[str, str]] = {
    "": "",
    "empty": "空表",
    "no_header": "没有找到表头，不是名册",
    "columns_missing": "缺少必需的列",
}
PARTED_BY: Final[Mapping[str, str]] = {
    "number": "按家庭编号分户",
    "head": "按户主分户",
    "relation": "遇户主行另起一户",
    "row": "每行一户",
    "sheet": "每张工作表一户",
}


class RosterRefused(InvalidInput):
    """A file that can be read but holds no roster; ``kind`` is a stable short code: no_roster or columns_missing."""

    def __init__(self, kind: str, zh: str, en: str, *, where: str | None, mend_zh: str, mend_en: str) -> None:
        super().__init__(zh, en, where=where, mend_zh=mend_zh, mend_en=mend_en)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ColumnUnderstanding:
    """One column, or one label of a form. ``times`` and ``parts`` convert amounts that the heading states in another unit;
    ``row`` is the row of a form's value."""

    index: int
    letter: str
    heading: str
    key: str
    field: str | None
    how: How
    times: int = 1
    parts: int = 1
    row: int = 0

    @property
    def label_zh(self) -> str:
        """The name of the field on the screen; empty for a column that is left alone."""
        return label_of(self.field) if self.field else ""

    @property
    def conversion(self) -> str:
        """How amounts are converted, in words; empty for not at all."""
        if self.times == 1 and self.parts == 1:
            return ""
        return (f"×{self.times:,}" if self.times != 1 else "") + (f"÷{self.parts}，四舍五入到分" if self.parts != 1 else "")


@dataclass(frozen=True, slots=True)
class SheetUnderstanding:
    """One sheet: how it is laid out, where its header and its first row of data stand, what each column holds."""

    index: int
    name: str
    visible: bool
    layout: Layout
    reason: str = ""
    header_rows: tuple[int, ...] = ()
    first_row: int = 0
    last_row: int = 0
    """The last row of a form's table of members; 0 elsewhere."""
    forms: tuple[tuple[int, int], ...] = ()
    """The first row and the first column of each form of the sheet, households one under another or side by side; what else
    is said is said of the first."""
    columns: tuple[ColumnUnderstanding, ...] = ()
    missing: tuple[str, ...] = ()
    households_by: HouseholdsBy = "row"
    carry: bool = False
    """Whether a blank household number means that of the row above."""
    blank_head: bool = False
    """Whether a blank relation is the head's: no row of the sheet says that it is one."""
    identities: bool = False
    """Whether a sheet that is not read seems to hold identity numbers."""

    @property
    def layout_zh(self) -> str:
        """The layout in words."""
        if len(self.forms) > 1:
            beside = len({left for _, left in self.forms})
            how = f"左右并排 {beside} 列，" if beside > 1 else "上下"
            return f"{LAYOUTS[self.layout]}，本工作表{how}共 {len(self.forms)} 张"
        if self.layout in ("ignored", "supplement", "form", "wide"):
            return LAYOUTS[self.layout]
        return f"{LAYOUTS[self.layout]}，{PARTED_BY[self.households_by]}"

    @property
    def reason_zh(self) -> str:
        """Why a sheet is not read, in words."""
        missing = "、".join(BY_CODE[code].zh for code in self.missing)
        return REASONS[self.reason] + (f"：{missing}" if missing else "")

    @property
    def holds_persons(self) -> bool:
        """Whether the sheet lists persons."""
        return self.layout not in ("supplement", "ignored")


@dataclass(frozen=True, slots=True)
class Understanding:
    """What was understood of a whole file."""

    sheets: tuple[SheetUnderstanding, ...]

    @property
    def refusal(self) -> RosterRefused | None:
        """Why nothing of the file can be read; None where something can."""
        if any(sheet.holds_persons for sheet in self.sheets):
            return None
        wanting = next((sheet for sheet in self.sheets if sheet.missing), None)
        if wanting is not None:
            columns = "、".join(BY_CODE[code].zh for code in wanting.missing)
            return RosterRefused(
                "columns_missing",
                f"缺少列：{columns}",
                f"columns are missing: {columns}",
                where=wanting.name,
                mend_zh="请补齐列，或指明哪一列是它",
                mend_en="add the columns, or say which ones they are",
            )
        return RosterRefused(
            "no_roster",
            "文件中没有可识别的名册",
            "there is no roster in the file",
            where=None,
            mend_zh="名册的表头应有“姓名”和“身份证号”列",
            mend_en="a roster has a header with the columns 姓名 and 身份证号",
        )

    def as_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {"sheets": [asdict(sheet) for sheet in self.sheets]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The understanding that ``as_json`` gave."""
        return cls(tuple(_sheet(one) for one in data["sheets"]))


def _sheet(data: Mapping[str, Any]) -> SheetUnderstanding:
    columns = tuple(ColumnUnderstanding(**column) for column in data["columns"])
    tuples = {name: tuple(data.get(name, ())) for name in ("header_rows", "missing")}
    forms = tuple((top, left) for top, left in data.get("forms", ()))
    return SheetUnderstanding(**{**data, **tuples, "forms": forms, "columns": columns})


def letter_of(index: int) -> str:
    """The letter of a column, from 0: A, Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def fields_of(columns: Iterable[ColumnUnderstanding]) -> set[str]:
    """The targets that some column fills."""
    return {column.field for column in columns if column.field}
