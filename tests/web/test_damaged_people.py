"""A person's key that does not open any more: every door says whose it is and how that is mended, nothing typed is lost."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select, text

from core.db.session import unit_of_work
from core.people.models import Person, WorkerFile
from tests.conftest import COUNTY, Database
from tests.core.household_story import FATHER, OTHER_HEAD, numbered
from tests.core.lines import Acting
from tests.core.staffing import trail_of
from tests.web.test_household_pages import HOME, NEW, Office, office

__all__ = ["office"]
FATHER_TYPED = {"name": "单建国", "relation": "father", "identity_number": numbered(FATHER)}
WHY = {"reason": "依据户口簿登记"}


@pytest.fixture
def theirs(office: Office, acting: Acting, db: Database) -> tuple[uuid.UUID, dict[str, uuid.UUID], str, str]:
    """A household of whose head, wife and a former member the keys are damaged; its people, the day, the file's number."""
    made = office.registered()
    with acting(), unit_of_work() as session:
        file = session.scalars(select(WorkerFile)).one()
        day, number = str(file.opened_on), file.file_number
    changes = f"/{COUNTY}/households/{made}/changes"
    assert office.post(changes, form="moved_in", valid_from=day, **FATHER_TYPED, **WHY)[0] == 303
    with acting(), unit_of_work() as session:
        people = {one.name: one.id for one in session.scalars(select(Person))}
    assert office.post(changes, form="moved_out", person=str(people["单建国"]), valid_from=day, **WHY)[0] == 303
    with db.owner.begin() as connection:
        names = ["单明", "解芳", "单建国"]
        connection.execute(
            text("update person set wrapped_key = :key where name = any(:names)"), {"key": bytes(61), "names": names}
        )
    return made, people, day, number


def test_pages_say_whose_key_is_damaged_and_keep_what_was_typed(
    office: Office, theirs: tuple[uuid.UUID, dict[str, uuid.UUID], str, str]
) -> None:
    made, people, day, number = theirs
    here, head, wife = f"/{COUNTY}/households/{made}", str(people["单明"]), str(people["解芳"])
    heir = {"new_head": wife, f"relation.{head}": "husband", f"relation.{people['单小宝']}": "son"}
    new = {name: value for name, value in HOME.items() if not name.startswith("members.")} | {
        "rows": "2",
        "members.0.name": "单建国", "members.0.relation": "head", "members.0.identity_number": numbered(FATHER),
        "members.1.name": "李强", "members.1.relation": "son", "members.1.identity_number": numbered(OTHER_HEAD),
    }  # fmt: skip
    doors: dict[str, tuple[str, dict[str, str], int, str, str]] = {
        "account": (f"{here}/particulars", {"employer_name": "新厂", "account": "6222021234567890123"}, 409, head, "新厂"),
        "address": (f"{here}/address", {"address": "四川省成都市锦江区莲新街道3栋"}, 409, head, "莲新街道3栋"),
        "phone": (f"{here}/people/{wife}/particulars", {"phone": "13900001234"}, 409, wife, "13900001234"),
        "name": (f"{here}/people/{wife}/correct", {"name": "解方", **WHY}, 409, wife, "解方"),
        "number": (f"{here}/people/{wife}/correct", {"identity_number": numbered("510104198202020048"), **WHY}, 409, wife, ""),
        "joining": (f"{here}/changes", {"form": "moved_in", "valid_from": day, **FATHER_TYPED, **WHY}, 409,
                    str(people["单建国"]), "单建国"),
        "head": (f"{here}/changes", {"form": "head_changed", "valid_from": day, **heir, **WHY}, 409, head, WHY["reason"]),
        "founding": (f"{here}/changes", {"form": "split", "valid_from": day, "leaving": wife, "founder": wife,
                     "address": "锦江区三圣乡9号", **WHY}, 409, wife, "三圣乡9号"),
        "new": (NEW, new, 422, str(people["单建国"]), "李强"),
        "shown": (f"{here}/reveal", {"person_id": wife, "field": "identity_number", **WHY}, 409, wife, WHY["reason"]),
        "asked": (f"{here}/elsewhere", {"person_id": wife, "field": "identity_number", **WHY}, 409, wife, WHY["reason"]),
    }  # fmt: skip
    seen = {}
    for door, (path, filled, status, whose, kept) in doors.items():
        got, page = office.post(path, **filled)
        named = whose == str(people["单建国"]) or number in page
        seen[door] = (got == status, "已损坏，无法解开" in page, f"人员编号 {whose}" in page, named, kept in page)
    assert seen == dict.fromkeys(doors, (True, True, True, True, True))


def test_resources_say_the_same_and_who_leaves_waits_for_no_backup(
    office: Office, acting: Acting, theirs: tuple[uuid.UUID, dict[str, uuid.UUID], str, str]
) -> None:
    made, people, day, number = theirs
    api, token = f"/api/v1/{COUNTY}", {"X-CSRF-Token": office.clerk.csrf}
    wife = str(people["解芳"])
    change = {"valid_from": day, **WHY}
    for path, body, where in (
        (f"households/{made}/particulars", {"particulars": {}, "account": "6222021234567890123"}, number),
        (f"households/{made}/address", {"address": "四川省成都市锦江区莲新街道3栋", "housing": {}}, number),
        (f"households/{made}/people/{wife}/particulars", {"particulars": {}, "phone": "13900001234"}, number),
        (f"people/{wife}/corrections", {"name": "解方", **WHY}, number),
        (f"households/{made}/changes", {"kind": "moved_in", "newcomer": FATHER_TYPED, **change}, None),
    ):
        answer = office.clerk.client.post(f"{api}/{path}", json=body, headers=token)
        told = answer.json()
        assert (answer.status_code, told["type"]) == (409, "urn:bangfu:error:people.sealed_damaged"), (path, told)
        assert (told["where"], "备份" in told["mend"], "backup" in told["mend_en"]) == (where, True, True), path
        assert "13900001234" not in answer.text
    gone = {"kind": "divorce", "person_id": wife, **change}
    assert office.clerk.client.post(f"{api}/households/{made}/changes", json=gone, headers=token).status_code == 201
    assert [told["subject"] for told in trail_of(COUNTY, "identity_index.not_settled")] == [["person", wife]]
    with acting(), unit_of_work() as session:
        assert session.scalars(select(WorkerFile)).one().account_cipher is None
