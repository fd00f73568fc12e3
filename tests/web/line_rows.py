"""Rows of the lines that are off by default, for tests that walk the pages of every installed plugin."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date

from sqlalchemy import select, text

from core.db.session import unit_of_work
from core.host.manager import host
from core.people.models import WorkerFile
from plugins.mutual_aid.members import Enrolment, register_batch
from plugins.mutual_aid.models import Member
from plugins.warm_visits.models import Stop
from plugins.warm_visits.planning import plan_named
from plugins.warm_visits.routes import make_route, put_on_route
from plugins.warm_visits.seasons import open_season
from plugins.warm_visits.visits import Made, keep_signed_list, record_visit
from tests.conftest import COUNTY, Database
from tests.core.lines import LINES, PDF, permissions
from tests.web.county import LATER, Acting

OTHERS = ("mutual_aid", "warm_visits")
GROUP = ("赵明", "钱丽")


def plant_other_lines(db: Database, acting: Acting, household: uuid.UUID) -> Mapping[str, uuid.UUID]:
    """Switch the lines on in the first county, and bring the household into them: ids by the names that addresses give them."""
    with db.owner.begin() as connection:
        for line in OTHERS:
            connection.execute(
                text("insert into tenant_plugin (tenant, plugin, enabled, version) values (:t, :p, true, 1)"),
                {"t": COUNTY, "p": line},
            )
    everything = {"permissions": permissions(), "plugins": LINES | set(OTHERS) | host().always_on, "on": LATER}
    with acting(COUNTY, actor="planner", **everything), unit_of_work() as session:
        number = session.scalars(select(WorkerFile.file_number).where(WorkerFile.household_id == household)).one()
        season = open_season(session, LATER.year + 1, date(LATER.year, 9, 1), date(LATER.year + 1, 2, 28)).id
        stop = plan_named(session, season, number, "other", "突发火灾").id
        route = make_route(session, season, "城南", LATER, GROUP).id
        put_on_route(session, route, [stop])
        register_batch(session, Enrolment("机械厂工会", "hospital", LATER, date(LATER.year, 12, 31), [number]))
        member = session.scalars(select(Member.id)).one()
        visited = session.scalars(select(Stop.case_id).where(Stop.id == stop)).one()
    with db.owner.begin() as connection:
        # notice, money and approval are tried by the line's own tests
        connection.execute(text("update case_record set state = 'approved' where id = :id"), {"id": visited})
    with acting(COUNTY, actor="visitor", **everything), unit_of_work() as session:
        record_visit(session, route, stop, Made(LATER, GROUP, "本人", {}))
        signed = keep_signed_list(session, route, PDF).document_id
    return {"season_id": season, "route_id": route, "stop_id": stop, "member_id": member, "list_id": signed}
