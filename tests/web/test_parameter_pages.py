"""Figures of policy by page and interface: proposed by one, counted, adopted by another; nothing typed is lost."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from core.db.session import unit_of_work
from core.jobs.models import Job
from core.jobs.runner import run_inline
from core.parameters.service import set_parameter
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, TODAY, Database
from tests.core.lines import install
from tests.core.staffing import stand_at
from tests.core.test_survey import plant
from tests.web.conftest import Desk, Person
from tests.web.county import Acting, switch_lines

RATIO, NOTICE, KINDS = "relative_multiple", "notice_working_days", "rigid_expense_kinds"
LINE = 80_000
GROUNDS = {"source": "市民政局〔2025〕12号", "clause": "第三条", "reason": "随低保标准调整"}


@pytest.fixture
def office(app: FastAPI, db: Database, acting: Acting) -> None:
    """A county with its lines on and four households; the province has set the line."""
    install(db)
    stand_at(db)
    for tenant in (COUNTY, OTHER_COUNTY):
        switch_lines(db, tenant)
    with acting(PROVINCE), unit_of_work() as session:
        set_parameter(session, "minimum_living_standard", TODAY.replace(month=1, day=1), LINE, "省级文件", "一")
    with acting(COUNTY), unit_of_work() as session:
        plant(session, [LINE - 1, LINE, 2 * LINE, 4 * LINE])


@pytest.fixture
def boss(office: None, person: Desk) -> Person:
    return person("boss", role="tenant_admin")


@pytest.fixture
def chair(office: None, person: Desk) -> Person:
    return person("chair", role="vice_chair_in_charge")


def page(who: Person, path: str, tenant: str = COUNTY, status: int = 200) -> str:
    answer = who.client.get(f"/{tenant}{path}")
    assert answer.status_code == status, answer.text
    return unescape(answer.text)


def send(who: Person, path: str, /, **form: str | list[str]) -> tuple[int, str]:
    typed = {name.replace("__", "."): value for name, value in form.items()}
    answer = who.client.post(f"/{COUNTY}{path}", data={"csrf_token": who.csrf, **typed})
    return answer.status_code, unescape(answer.headers.get("location") or answer.text)


def proposed(who: Person, name: str, *value: str) -> str:
    status, where = send(who, f"/parameters/{name}", field__value=list(value), valid_from=TODAY.isoformat(), **GROUNDS)
    assert status == 303, where
    return where.removeprefix(f"/{COUNTY}")


def test_proposed_counted_adopted_by_another_and_on_record(boss: Person, chair: Person, person: Desk) -> None:
    leader = person("leader", role="leader")
    shown = page(boss, "/parameters")
    assert re.search(r"相对困难线占低保标准的比例</a></th><td><b>150%</b></td><td>沿用全国规定，2020-01-01 起", shown)
    assert re.search(r"最低生活保障标准（月人均）</a></th><td><b>800.00 元</b></td><td>沿用四川省总工会", shown)
    assert "各级均未设定" in shown
    at = proposed(boss, RATIO, "250")
    shown = page(boss, at)
    assert "<td>150%</td><td><b>250%</b></td>" in shown
    assert "您提出的调整须由另一人核准" in shown
    assert send(boss, f"{at}/adopt")[0] == 403
    status, said = send(chair, f"{at}/adopt", note="已议定")
    assert (status, "核准前须先测算" in said, "已议定" in said) == (409, True, True)
    assert send(chair, f"{at}/forecast") == (303, f"/{COUNTY}{at}#forecast")
    shown = page(leader, at)
    for words in ("共 4 户", "增加 1 户", "减少 0 户", "不变 3 户", "新认定为困难 1 户", "living_relief 2025.1"):
        assert words in shown, words
    assert "/households" not in shown
    assert page(leader, f"{at}/households", status=403)
    assert page(boss, f"{at}/households", status=403)
    assert f"{at}/households?way=gain" in page(chair, at)
    rows = page(chair, f"{at}/households?way=gain")
    assert rows.count("<tr data-row>") == 1
    assert "职**" in rows or "职*" in rows
    assert "职工3" not in rows
    assert "没有这样的家庭" in page(chair, f"{at}/households?way=lose")
    assert send(chair, f"{at}/adopt", note="主席办公会") == (303, f"/{COUNTY}/parameters/{RATIO}")
    shown = page(boss, f"/parameters/{RATIO}")
    assert "本单位设定" in shown
    assert re.search(r"<b>250%</b> <span[^>]*>现行", shown)
    assert "核准 chair" in shown or "核准" in shown
    assert send(chair, f"{at}/adopt")[0] == 409
    assert page(chair, at, tenant=OTHER_COUNTY, status=404)


def test_what_is_refused_is_told_at_its_field_and_nothing_is_lost(boss: Person) -> None:
    for value, words in (("1.234", "百分比格式不正确"), ("", "百分比格式不正确")):
        status, shown = send(boss, f"/parameters/{RATIO}", field__value=value, valid_from=TODAY.isoformat(), **GROUNDS)
        assert (status, words in shown) == (422, True)
        assert 'value="市民政局〔2025〕12号"' in shown
        assert f'name="field.value" type="text" value="{value}"' in shown
    status, shown = send(boss, f"/parameters/{NOTICE}", field__value="9999", valid_from=TODAY.isoformat(), **GROUNDS)
    assert (status, "不符合单位要求" in shown, 'value="9999"' in shown) == (422, True, True)
    status, shown = send(boss, f"/parameters/{NOTICE}", field__value="7", valid_from="明天", **GROUNDS)
    assert (status, "日期不正确" in shown, 'value="7"' in shown) == (422, True, True)
    status, shown = send(
        boss, f"/parameters/{NOTICE}", field__value="7", valid_from=TODAY.isoformat(), **{**GROUNDS, "source": " "}
    )
    assert (status, "请填写依据" in shown) == (422, True)
    assert page(boss, "/parameters/unheard_of", status=404)


def test_boxes_refusal_withdrawal_and_proposing_again(boss: Person, chair: Person) -> None:
    shown = page(boss, f"/parameters/{KINDS}")
    assert 'type="checkbox" name="field.value" value="illness" checked' in shown
    at = proposed(boss, KINDS, "illness", "schooling")
    assert "已有一项调整待核准" in page(boss, f"/parameters/{KINDS}")
    status, said = send(chair, f"{at}/refuse", note="")
    assert (status, "请填写原因" in said) == (422, True)
    assert send(chair, f"{at}/refuse", note="依据不足")[0] == 303
    shown = page(boss, at)
    assert "不予核准" in shown
    assert "依据不足" in shown
    again = page(boss, f"/parameters/{KINDS}?again={at.rpartition('/')[2]}")
    assert 'value="schooling" checked' in again
    assert 'value="disability" checked' not in again
    second = proposed(boss, KINDS, "illness")
    assert send(boss, f"{second}/withdraw", note="文号有误")[0] == 303
    assert "已撤回" in page(boss, second)


def test_a_former_value_and_the_level_above_are_proposed_too(boss: Person, chair: Person) -> None:
    for value in ("7", "9"):
        at = proposed(boss, NOTICE, value)
        assert send(chair, f"{at}/adopt")[0] == 303
    shown = page(boss, f"/parameters/{NOTICE}")
    [former] = re.findall(r"\?former=([0-9a-f-]{36})#propose", shown)
    filled = page(boss, f"/parameters/{NOTICE}?former={former}")
    assert f'name="restores" value="{former}"' in filled
    assert re.search(r'name="field.value" type="number" value="7"', filled)
    status, where = send(
        boss, f"/parameters/{NOTICE}", field__value="7", restores=former, valid_from=TODAY.isoformat(), **GROUNDS
    )
    assert status == 303
    assert send(chair, f"{where.removeprefix(f'/{COUNTY}')}/adopt")[0] == 303
    status, where = send(boss, f"/parameters/{NOTICE}", follow="yes", valid_from=TODAY.isoformat(), **GROUNDS)
    assert status == 303
    assert "<td>7 个工作日</td><td><b>沿用上级</b></td>" in page(boss, where.removeprefix(f"/{COUNTY}"))
    assert send(chair, f"{where.removeprefix(f'/{COUNTY}')}/adopt")[0] == 303
    assert "沿用全国规定" in page(boss, f"/parameters/{NOTICE}")


def test_a_province_sees_figures_by_county_and_no_household(office: None, person: Desk, acting: Acting) -> None:
    top, second = (
        person("top", tenant=PROVINCE, role="tenant_admin"),
        person("zhu", tenant=PROVINCE, role="vice_chair_in_charge"),
    )

    def act(who: Person, path: str, **form: str) -> tuple[int, str]:
        answer = who.client.post(f"/{PROVINCE}{path}", data={"csrf_token": who.csrf, **form})
        return answer.status_code, unescape(answer.headers.get("location") or answer.text)

    status, where = act(top, f"/parameters/{RATIO}", **{"field.value": "250"}, valid_from=TODAY.isoformat(), **GROUNDS)
    assert status == 303
    at = where.removeprefix(f"/{PROVINCE}")
    assert act(second, f"{at}/forecast")[0] == 303
    assert "正在测算" in page(second, at, tenant=PROVINCE)
    with acting(PROVINCE), unit_of_work() as session:
        job = session.scalars(select(Job.id)).one()
    assert run_inline(PROVINCE, job)["state"] == "done"
    shown = page(second, at, tenant=PROVINCE)
    assert re.search(r"锦江区总工会</th><td class=\"r\">4</td><td class=\"r\">1</td><td class=\"r\">0</td>", shown), shown
    assert "/households" not in shown
    assert act(second, f"{at}/adopt")[0] == 303
    assert "沿用四川省总工会" in page(person("boss", role="tenant_admin"), f"/parameters/{RATIO}")


def test_the_same_by_the_interface(boss: Person, chair: Person) -> None:
    root = f"/api/v1/{COUNTY}"

    def post(who: Person, path: str, **body: object) -> tuple[int, dict[str, object]]:
        answer = who.client.post(f"{root}{path}", json=body, headers={"X-CSRF-Token": who.csrf})
        return answer.status_code, answer.json()

    known = {one["name"]: one for one in boss.client.get(f"{root}/parameters").json()}
    assert (known[RATIO]["value"], known[RATIO]["level"], known[RATIO]["group"]) == (15_000, "nation", "living_relief")
    body = {"value": 25_000, "valid_from": TODAY.isoformat(), **GROUNDS}
    status, made = post(boss, f"/parameters/{RATIO}/proposals", **body)
    assert (status, made["state"], made["words"], made["forecast"]) == (201, "open", "250%", None)
    assert post(boss, f"/parameters/{RATIO}/proposals", **body)[0] == 409
    at = f"/parameter-proposals/{made['id']}"
    assert post(chair, f"{at}/decision", decision="adopted")[0] == 409
    status, made = post(chair, f"{at}/forecast")
    found = made["forecast"]
    assert isinstance(found, dict)
    assert (status, found["figures"]["gain"], found["stale"]) == (200, 1, False)
    assert post(boss, f"{at}/decision", decision="adopted")[0] == 403
    status, made = post(chair, f"{at}/decision", decision="adopted")
    assert (status, made["state"]) == (200, "adopted")
    one = boss.client.get(f"{root}/parameters/{RATIO}").json()
    assert (one["value"], one["history"][0]["proposal"]) == (25_000, made["id"])
    assert [line["state"] for line in boss.client.get(f"{root}/parameter-proposals").json()] == ["adopted"]
    assert post(boss, f"{at}/withdrawal", note="迟了")[0] == 409
