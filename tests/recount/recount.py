"""An independent recount of the sample's year from the office workbooks alone.

It imports nothing of the program: the standard library and python_calamine only. To check the program's figures:

    python tests/recount/recount.py DIR --year 2025 --day 2025-09-01 --json OUT

DIR holds one workbook per county (``<six digits>.xlsx``). ``--day`` is the decision day D on which the rules are
applied; the audit looks back on 25 December of the year. Dated figures come from ``deploy/sample/parameters.csv``
(or ``--parameters``), else from ``NATIONAL`` below: the most local level that has a row in force on D wins, inside a
level the latest ``valid_from``. All money is integer fen, all comparisons are exact.

What is counted
  counties            workbooks
  households          家庭编号 summed over counties; all of them are on file
  persons_surveyed    different identity numbers of a county's roster, summed over counties
  persons             the same plus one for every 新增成员
  eligible            households in difficulty (困难类别 found), in all and by kind
  cases               households that applied for a programme and qualify for it, in all and by programme
  paid_fen            {source: {purpose: sum of the cases' amounts}}; a payment that came back counts once

Findings expected of the year's audit
  missing_document              major     one per 材料撤回 (the named case stands without its paper)
  one_account_several_households major    one per bank account that several households of one county share
  aided_in_two_counties         critical  per worker with yearly_living in several counties: one in each of them
  ineligible_on_decision_day    per case of a household with 收入更正, judged again on D with the worker's monthly
                                income replaced: critical if it no longer qualifies, major if it does for less
  file_stale                    minor     one per household whose 档案更新日期 lies more than stale_after_days
                                          before the audit; that it was surveyed in the year does not count
  member_never_surveyed         minor     one per 新增成员; every other check finds nothing
"""

import argparse
import csv
import json
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

Row = dict[str, Any]
Figures = dict[str, Any]

NATIONAL: Figures = {
    "impute_minimum_wage": False,
    "count_residents_pension": True,
    "rigid_expense_kinds": ["illness", "disability", "schooling", "housing", "long_term_care"],
    "relative_multiple": 15_000,
    "accident_share": 8_000,
    "property_exclusions": ["two_dwellings", "vehicle", "fee_school", "controlling_owner", "shop_or_employer"],
    "working_age_from": 16,
    "working_age_to_male": 60,
    "working_age_to_female": 55,
    "living_amount_deep": 120_000,
    "living_amount_relative": 80_000,
    "living_amount_accident": 100_000,
    "living_amount_model_worker": 60_000,
    "living_ceiling_months": 12,
    "medical_self_paid_threshold": 500_000,
    "medical_rate": 5_000,
    "medical_cap": 500_000,
    "schooling_amount_higher": 500_000,
    "schooling_amount_secondary": 300_000,
    "stale_after_days": 365,
}
RIGID = {
    "illness": "因病刚性支出",
    "disability": "因残刚性支出",
    "schooling": "因学刚性支出",
    "housing": "住房刚性支出",
    "long_term_care": "长期照料费用",
    "work_cost": "必要就业成本",
    "other": "其他刚性支出",
}
PROPERTY = {
    "两套（含）以上住房": "two_dwellings",
    "拥有、经常使用机动车辆": "vehicle",
    "子女就读高收费私立学校或自费留学": "fee_school",
    "公司控股股东或实际控制人": "controlling_owner",
    "拥有商业店铺或雇佣他人经营": "shop_or_employer",
}
PROGRAMMES = {"年度生活救助": "yearly_living", "医疗救助": "medical", "金秋助学": "schooling"}
MONEY_FROM = {
    "yearly_living": ("appropriation", "living"),
    "medical": ("union", "medical"),
    "schooling": ("donation", "schooling"),
}
KINDS = ("deep", "relative", "accident")
CHECKS = (
    "aided_in_two_counties",
    "file_stale",
    "ineligible_on_decision_day",
    "member_never_surveyed",
    "missing_document",
    "one_account_several_households",
)
OUT_OF_WORK = {"下（待）岗", "失（无）业"}
CITY_RANK_OR_ABOVE = {"全国劳模", "省部级劳模", "地市级劳模"}
STUDENTS = {
    "大学生": "schooling_amount_higher",
    "研究生": "schooling_amount_higher",
    "高中": "schooling_amount_secondary",
    "中职中技": "schooling_amount_secondary",
}


def fen(cell: object) -> int:
    """Yuan as written in a cell to fen; an empty cell is nought."""
    if cell in ("", None):
        return 0
    amount = Decimal(str(cell)) * 100
    if amount != amount.to_integral_value():
        raise ValueError(f"not a whole number of fen: {cell!r}")
    return int(amount)


def day(cell: object) -> date:
    """A real date cell or an ISO text."""
    if isinstance(cell, datetime):
        return cell.date()
    return cell if isinstance(cell, date) else date.fromisoformat(str(cell).strip())


def labels(cell: object) -> list[str]:
    """The parts of a text joined by ；."""
    return [part.strip() for part in str(cell or "").replace(";", "；").split("；") if part.strip()]


def sheet(book: CalamineWorkbook, name: str) -> list[Row]:
    """The rows of a sheet by its header."""
    rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    header = [str(cell).strip() for cell in rows[0]] if rows else []
    return [dict(zip(header, row, strict=True)) for row in rows[1:] if any(cell != "" for cell in row)]


def read_county(path: Path) -> dict[str, Any]:
    """A county's households by number, each with its people, and the events of the third sheet."""
    book = CalamineWorkbook.from_path(str(path))
    facts = {(int(row["家庭编号"]), row["身份证号"]): row for row in sheet(book, "核定补充表")}
    households: dict[int, Row] = {}
    for row in sheet(book, "困难职工档案表"):
        number = int(row["家庭编号"])
        fact = facts[number, row["身份证号"]]
        if row["关系"] == "户主":
            households[number] = read_household(number, row, fact)
        households[number]["people"].append(read_person(row, fact))
    events = [
        (row["事项"], int(row["家庭编号"]), PROGRAMMES.get(row["项目"]), fen(row["数值"]))
        for row in sheet(book, "样例事后事项")
    ]
    return {"code": path.stem, "households": households, "events": events}


def read_household(number: int, row: Row, fact: Row) -> Row:
    """The household-level columns, which stand on the worker's row."""
    return {
        "number": number,
        "people": [],
        "rank": row["劳模类型"],
        "other_income": fen(row["家庭其他年收入"]),
        "account": str(row["银行卡号"]).strip(),
        "costs": {kind: fen(fact[column]) for kind, column in RIGID.items()},
        "properties": [PROPERTY[label] for label in labels(fact["财产情形"])],
        "loss": fen(fact["意外损失"]),
        "compensation": fen(fact["已获赔偿补偿"]),
        "applied": [PROGRAMMES[label] for label in labels(fact["申请项目"])],
        "updated": day(fact["档案更新日期"]),
    }


def read_person(row: Row, fact: Row) -> Row:
    """One person; income and status stand in other columns for the worker than for members."""
    worker = row["关系"] == "户主"
    return {
        "number": row["身份证号"],
        "worker": worker,
        "male": row["性别"] == "男",
        "birth": day(row["出生日期"]),
        "monthly": fen(row["本人月平均收入"] if worker else row["月收入"]),
        "status": row["工作状态"] if worker else row["身份"],
        "pension": fen(fact["其中居民养老金(月)"]),
        "able": fact["有劳动能力"] == "是",
        "aided": fact["已获其他助学"] == "是",
    }


def read_parameters(path: Path) -> list[Row]:
    """The rows of the file; a value is JSON (a number, true or false, a list of codes)."""
    with path.open(encoding="utf-8", newline="") as text:
        return [{**row, "value": json.loads(row["value"])} for row in csv.DictReader(text)]


def figures_of(county: str, on: date, rows: list[Row]) -> Figures:
    """All figures of a county on a day: nation, overlaid by province, prefecture and county, each oldest first."""
    found = dict(NATIONAL)
    for level in (county[:2] + "0000", county[:4] + "00", county):
        in_force = [row for row in rows if row["tenant_code"] == level and row["valid_from"] <= on.isoformat()]
        for row in sorted(in_force, key=lambda row: str(row["valid_from"])):
            found[row["name"]] = row["value"]
    return found


def age(birth: date, on: date) -> int:
    """Full years."""
    return on.year - birth.year - (1 if (on.month, on.day) < (birth.month, birth.day) else 0)


def counted_monthly(person: Row, figures: Figures, on: date) -> int:
    """The person's counted monthly income."""
    income: int = person["monthly"]
    if not figures["count_residents_pension"]:
        income = max(0, income - person["pension"])
    upper = figures["working_age_to_male"] if person["male"] else figures["working_age_to_female"]
    of_age = figures["working_age_from"] <= age(person["birth"], on) < upper
    if figures["impute_minimum_wage"] and person["able"] and person["status"] in OUT_OF_WORK and of_age:
        income = max(income, figures["minimum_wage"])
    return income


def judge(household: Row, figures: Figures, on: date) -> Row:
    """Kind of difficulty, and the amount in fen of every programme the household would qualify for."""
    people = household["people"]
    yearly = 12 * sum(counted_monthly(person, figures, on) for person in people) + household["other_income"]
    net = yearly - sum(household["costs"][kind] for kind in figures["rigid_expense_kinds"])
    line = figures["minimum_living_standard"] * 12 * len(people)
    excluded = any(kind in figures["property_exclusions"] for kind in household["properties"])
    kind = "none" if excluded else kind_of(household, yearly, net, line, figures)
    amounts = {
        "yearly_living": living_amount(household, kind, yearly < line and not excluded, excluded, figures),
        "medical": medical_amount(household, figures) if kind != "none" else 0,
        "schooling": schooling_amount(people, figures) if kind != "none" else 0,
    }
    return {"kind": kind, "amounts": {programme: amount for programme, amount in amounts.items() if amount > 0}}


def kind_of(household: Row, yearly: int, net: int, line: int, figures: Figures) -> str:
    """deep, relative, accident or none of a household without property exclusion; the first that holds."""
    if net < line:
        return "deep"
    if net * 10_000 < line * figures["relative_multiple"]:
        return "relative"
    lost = max(0, household["loss"] - household["compensation"])
    if lost > 0 and (lost * 10_000 > yearly * figures["accident_share"] or net - lost < line):
        return "accident"
    return "none"


def living_amount(household: Row, kind: str, below_line: bool, excluded: bool, figures: Figures) -> int:
    """Yearly living relief (domain 4.4.1), nought if none of the three grounds holds.

    Relative and accident difficulty are no ground by themselves: their amounts are for model workers of that kind.
    """
    model_worker = household["rank"] in CITY_RANK_OR_ABOVE and not excluded
    if not below_line and kind != "deep" and not model_worker:
        return 0
    amount = int(figures["living_amount_model_worker" if kind == "none" else f"living_amount_{kind}"])
    return min(amount, int(figures["minimum_living_standard"]) * int(figures["living_ceiling_months"]))


def medical_amount(household: Row, figures: Figures) -> int:
    """Medical relief of a household in difficulty, nought below the threshold."""
    illness = int(household["costs"]["illness"])
    enough = illness >= int(figures["medical_self_paid_threshold"])
    return min(illness * int(figures["medical_rate"]) // 10_000, int(figures["medical_cap"])) if enough else 0


def schooling_amount(people: list[Row], figures: Figures) -> int:
    """Autumn schooling aid of a household in difficulty: per student not aided elsewhere."""
    unaided = [person for person in people if person["status"] in STUDENTS and not person["aided"]]
    return sum(int(figures[STUDENTS[person["status"]]]) for person in unaided)


def cases_of(household: Row, figures: Figures, on: date) -> tuple[str, dict[str, int]]:
    """Kind, and the amount of every case: what the household applied for and qualifies for."""
    outcome = judge(household, figures, on)
    cases = {name: outcome["amounts"][name] for name in household["applied"] if name in outcome["amounts"]}
    return outcome["kind"], cases


def corrected(household: Row, monthly: int) -> Row:
    """The household with another monthly income of the worker."""
    people = [{**person, "monthly": monthly} if person["worker"] else person for person in household["people"]]
    return {**household, "people": people}


def county_findings(
    county: Row, cases: dict[int, dict[str, int]], figures: Figures, on: date, audit: date
) -> list[tuple[str, str]]:
    """(check, severity) of every finding that needs no other county."""
    found = []
    for kind, number, programme, monthly in county["events"]:
        mine = cases[number]
        if kind != "新增成员" and programme not in mine:
            raise ValueError(f"{county['code']}: {kind} of a case that does not exist: {number} {programme}")
        if kind == "材料撤回":
            found.append(("missing_document", "major"))
        elif kind == "新增成员":
            found.append(("member_never_surveyed", "minor"))
        elif kind == "收入更正":
            again = judge(corrected(county["households"][number], monthly), figures, on)["amounts"]
            for name, paid in mine.items():
                if again.get(name, 0) < paid:
                    found.append(("ineligible_on_decision_day", "major" if name in again else "critical"))
    accounts = Counter(one["account"] for one in county["households"].values() if one["account"])
    found += [("one_account_several_households", "major") for times in accounts.values() if times > 1]
    return found + [
        ("file_stale", "minor")
        for one in county["households"].values()
        if (audit - one["updated"]).days > figures["stale_after_days"]
    ]


def recount_county(county: Row, figures: Figures, on: date, audit: date) -> Row:
    """One county's counts, the list of its findings, and the workers with yearly relief."""
    judged = {number: cases_of(household, figures, on) for number, household in county["households"].items()}
    kinds = Counter(kind for kind, _ in judged.values())
    cases = {number: mine for number, (_, mine) in judged.items()}
    programmes = Counter(programme for mine in cases.values() for programme in mine)
    paid = {source: {purpose: 0} for source, purpose in MONEY_FROM.values()}
    for mine in cases.values():
        for programme, amount in mine.items():
            source, purpose = MONEY_FROM[programme]
            paid[source][purpose] += amount
    surveyed = len({person["number"] for one in county["households"].values() for person in one["people"]})
    living = [number for number, mine in cases.items() if "yearly_living" in mine]
    return {
        "county": county["code"],
        "households": len(judged),
        "persons_surveyed": surveyed,
        "persons": surveyed + sum(event[0] == "新增成员" for event in county["events"]),
        "eligible": sum(kinds[kind] for kind in KINDS),
        "eligible_by_kind": {kind: kinds[kind] for kind in KINDS},
        "cases": sum(programmes.values()),
        "cases_by_programme": {programme: programmes[programme] for programme in MONEY_FROM},
        "paid_fen": paid,
        "found": county_findings(county, cases, figures, on, audit),
        "living": {county["households"][number]["people"][0]["number"] for number in living},
    }


def finish(counties: list[Row]) -> None:
    """Add aided_in_two_counties to each county concerned, and turn the lists of findings into counts."""
    aided = Counter(number for one in counties for number in one["living"])
    for one in counties:
        found = one.pop("found")
        found += [("aided_in_two_counties", "critical") for number in one.pop("living") if aided[number] > 1]
        severities = Counter(severity for _, severity in found)
        one["findings"] = {severity: severities[severity] for severity in ("critical", "major", "minor")}
        one["findings_by_check"] = {check: sum(name == check for name, _ in found) for check in CHECKS}


def total(parts: list[Row]) -> Row:
    """The sum of dictionaries of the same shape; texts are left out."""
    result: Row = {}
    for name, first in parts[0].items() if parts else ():
        if isinstance(first, dict):
            result[name] = total([part[name] for part in parts])
        elif isinstance(first, int):
            result[name] = sum(part[name] for part in parts)
    return result


def recount(directory: Path, parameters: Path, year: int, on: date, audit: date | None = None) -> Row:
    """All counts over the workbooks of a directory, in all and by county."""
    audit = audit or date(year, 12, 25)
    rows = read_parameters(parameters)
    counties = []
    for path in sorted(directory.glob("[0-9][0-9][0-9][0-9][0-9][0-9].xlsx")):
        figures = figures_of(path.stem, on, rows)
        figures["stale_after_days"] = figures_of(path.stem, audit, rows)["stale_after_days"]
        counties.append(recount_county(read_county(path), figures, on, audit))
    finish(counties)
    head = {"year": year, "day": on.isoformat(), "audit_day": audit.isoformat(), "counties": len(counties)}
    return {**head, **total(counties), "by_county": counties}


def main() -> None:
    """Print the counts as JSON, and write them to the file of ``--json``."""
    parser = argparse.ArgumentParser(description="Recount the sample's year from its workbooks")
    parser.add_argument("directory", type=Path, help="folder of <county>.xlsx")
    parser.add_argument("--year", type=int, default=2025)
    parser.add_argument("--day", type=date.fromisoformat, default=None, help="decision day, 1 September of the year")
    parser.add_argument("--audit-day", type=date.fromisoformat, default=None, help="25 December of the year")
    sample = Path(__file__).resolve().parents[2] / "deploy" / "sample"
    parser.add_argument("--parameters", type=Path, default=sample / "parameters.csv")
    parser.add_argument("--json", type=Path, default=None, help="also write the result to this file")
    chosen = parser.parse_args()
    on = chosen.day or date(chosen.year, 9, 1)
    result = recount(chosen.directory, chosen.parameters, chosen.year, on, chosen.audit_day)
    text = json.dumps(result, ensure_ascii=False, indent=2)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
