"""Relief that was approved is paid and audited although its line was switched off on the day of the decision."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date

from sqlalchemy import select

from core.audit.service import plugins_on_in
from core.cases.models import Case
from core.db.session import unit_of_work
from core.funds.models import Grant
from core.scope import Scope
from core.tenancy.plugin_state import enabled_plugins
from tenants.switching import switch_plugin
from tests.conftest import COUNTY, Database
from tests.core.audit_story import APPROVED, AUDITED, YEAR, OrderlyCounty
from tests.core.lines import install, permissions

Acting = Callable[..., AbstractContextManager[Scope]]


class SwitchedOff(OrderlyCounty):
    """The orderly county, whose line is switched off once its approver has decided."""

    _off = False

    def post(self, actor: str, on: date = AUDITED) -> AbstractContextManager[Scope]:
        """Act as one of the staff, as a request of that day would: without the line from the decision on."""
        if on < APPROVED or actor == "decider":
            return super().post(actor, on)
        if not self._off:
            self._off = True
            with self._acting(COUNTY, on=on), unit_of_work() as session:
                switch_plugin(session, "living_relief", enabled=False, reason="停办")
                assert "living_relief" not in enabled_plugins(session)
        return self._acting(self.tenant, actor=actor, permissions=permissions(), on=on)


def test_what_was_approved_is_paid_closed_and_audited(db: Database, acting: Acting) -> None:
    install(db)
    county = SwitchedOff(db, acting)
    with county.post("auditor"), unit_of_work() as session:
        assert set(session.scalars(select(Case.state))) == {"closed"}
        assert set(session.scalars(select(Grant.state))) == {"paid"}
    assert county.audit(YEAR) == {}
    with county.post("auditor"), unit_of_work() as session:
        assert "living_relief" in plugins_on_in(session, YEAR)
        assert "living_relief" not in plugins_on_in(session, YEAR + 2)
