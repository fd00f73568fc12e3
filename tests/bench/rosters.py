"""How long checking a roster of 100,000 rows and 40 columns takes, apart from reading the file, and what memory it holds.

Every third row is a head's; all forty columns are filled in every row but those that only a head has.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date

from core.people.roster import check, understand
from core.spreadsheets.cells import CHUNK_ROWS, Cell, Format, SheetHead, SheetRow

ROWS = 100_000
DAY = date(2025, 9, 1)
COUNTY = "510104"
_PLAIN = (
    ("民族", "汉族"), ("政治面貌", "群众"), ("婚姻状况", "已婚"), ("户口类型", "非农业"), ("健康状况", "良好"), ("残疾类别",
        "无"), ("残疾等级", None),
    ("医保状况", "城乡居民基本医疗保险"), ("学历", "初中"), ("身份", "失（无）业"), ("有劳动能力", "是"),
        ("户口所在地行政区划", "510104"),
    ("开户银行", "蜀禾银行"), ("支行名称", "春熙里支行"), ("住房类型", "租房"), ("邮编", "610000"), ("是否单亲", "否"),
        ("是否零就业家庭", "否"),
    ("主要致困原因", "患重特大疾病"), ("所属行业", "制造业"), ("单位性质", "集体企业"), ("企业状况", "停产"), ("劳模类型",
        "非劳模"), ("备注", "样例数据"),
)  # fmt: skip
_HEADER = (
    "家庭编号", "关系", "姓名", "性别", "身份证号", "出生日期", "手机", "住址", "单位或学校", "月收入", "建筑面积",
    "因病刚性支出", "因学刚性支出",
    "银行卡号", "建档日期", "档案更新日期", *(name for name, _ in _PLAIN),
)  # fmt: skip
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_GIVEN = "伟芳娜敏静秀丽强磊军洋勇艳杰娟涛明超霞平刚桂英华文玉萍红"
_CHECK = "10X98765432"


def identity_number(born: date, sequence: int, *, male: bool) -> str:
    """A synthetic number of the county."""
    body = f"{COUNTY}{born:%Y%m%d}{sequence * 2 % 1000 // 2 * 2 + male:03d}"
    return body + _CHECK[sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body)) % 11]


def row(place: int, errors: int) -> list[Cell]:
    """The cells of one row; ``errors`` of a hundred rows have one."""
    household, member = divmod(place, 3)
    years, months = (1975, 1977, 2008)[member], place // 1_250 % 12
    born = date(years + place // 15_000, months + 1, place // 50 % 28 + 1)
    number = identity_number(born, place % 400, male=member == 0)
    name = _SURNAMES[place % 16] + _GIVEN[place % 28] + _GIVEN[place // 28 % 28]
    income, costs = place * 7919 % 300_000, household * 7919 % 300_000
    cells: list[Cell] = [
        household + 1, ("户主", "妻子", "女儿")[member], name, "男" if member == 0 else "女", number, born.isoformat(),
            f"138{place:08d}",
        f"四川省成都市锦江区某街道{household % 977}号", f"第{place % 500}厂", income / 100, 60.5, costs / 50, costs / 25,
            f"62170001{household:011d}",
        "2024-03-01", "2025-06-01", *(value for _, value in _PLAIN),
    ]  # fmt: skip
    if place * 37 % 100 < errors:
        wrong = place % 4
        cells[(4, 9, 5, 16)[wrong]] = (float(number[:17]) * 10, -5, "01/02/2024", "火星族")[wrong]
    return cells


class SyntheticReading:
    """Rows as the reader of spreadsheets gives them, made as they are asked for; what making them takes is counted apart."""

    file_name = "bench.xlsx"
    digest = "0" * 64
    misnamed = False
    format: Format = "xlsx"
    date_1904 = False
    sheets = (SheetHead(0, "名册", visible=True, merges=()),)

    def __init__(self, errors: int) -> None:
        self._errors = errors
        self.making = 0.0

    def rows(self, index: int) -> Iterator[list[SheetRow]]:
        """The rows of the one sheet."""
        assert index == 0
        yield [SheetRow(1, list(_HEADER))]
        for start in range(0, ROWS, CHUNK_ROWS):
            began = time.process_time()
            chunk = [SheetRow(place + 2, row(place, self._errors)) for place in range(start, min(start + CHUNK_ROWS, ROWS))]
            self.making += time.process_time() - began
            yield chunk

    def __enter__(self) -> SyntheticReading:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _measured(errors: int) -> str:
    reading = SyntheticReading(errors)
    understanding = understand(reading, {})
    reading.making = 0.0
    began = time.process_time()
    checked = check(reading, understanding, DAY, {}, county=COUNTY)
    spent = time.process_time() - began - reading.making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = checked.counts
    return (
        f"{spent:.2f} s of processor, {peak:.0f} MB at most; {counts['persons']:,} persons, {counts['errors']:,} errors,"
        f" {counts['warnings']:,} warnings, {len(checked.drafts):,} of {counts['households']:,} households may go in"
    )


def measure() -> list[tuple[str, str]]:
    """(what, figure) rows; each in a process of its own, for the memory."""
    found = []
    for errors in (0, 30):
        told = subprocess.run(
            [sys.executable, "-m", "tests.bench.rosters", str(errors)], check=True, capture_output=True, text=True
        )
        found.append(
            (f"checking a roster of {ROWS:,} rows x {len(_HEADER)} columns, {errors} % of the rows wrong", told.stdout.strip())
        )
    return found


if __name__ == "__main__":
    print(_measured(int(sys.argv[1])))
