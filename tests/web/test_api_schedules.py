"""The schedule of recurring work as a resource: what the page of jobs shows, for those who may see it."""

from __future__ import annotations

from typing import Any

from core.db.session import unit_of_work
from core.jobs.service import start_job
from core.scope import entered
from tests.conftest import COUNTY, PROVINCE, TODAY, scope_of
from tests.web.conftest import Desk, Person


def _schedules(who: Person, tenant: str) -> dict[str, dict[str, Any]]:
    answer = who.client.get(f"/api/v1/{tenant}/schedules")
    assert answer.status_code == 200, answer.text
    return {one["kind"]: one for one in answer.json()}


def test_what_recurs_is_told_with_its_last_start_and_its_next_day(person: Desk) -> None:
    operator = person("yunwei", tenant=PROVINCE, role="system_administrator")
    found = _schedules(operator, PROVINCE)
    assert found.keys() >= {"housekeeping", "identity.drift", "identity.sign_ins", "dormant.below"}
    cleaning = found["housekeeping"]
    assert (cleaning["hour"], cleaning["day"], cleaning["month"], cleaning["last"]) == (3, None, None, None)
    assert cleaning["when"] == "每日 3:00"
    with entered(scope_of(PROVINCE, actor="system:schedule")), unit_of_work() as session:
        job = start_job(session, "housekeeping", f"recurring/{TODAY}", {"year": TODAY.year, "period": str(TODAY)}).id
    last = _schedules(operator, PROVINCE)["housekeeping"]["last"]
    assert (last["id"], last["state"], last["finished_at"]) == (str(job), "queued", None)


def test_only_who_sees_the_jobs_sees_the_schedule(person: Desk) -> None:
    # what looks through files is work of whoever keeps them
    assert _schedules(person("clerk"), COUNTY).keys() == {"duplicates", "file_proposals"}
    assert person("leader", role="leader").client.get(f"/api/v1/{COUNTY}/schedules").status_code == 403
    assert person("other").client.get(f"/api/v1/{PROVINCE}/schedules").status_code == 404
