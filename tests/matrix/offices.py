"""Objects of the matrix that are a tenant's own affairs: people and posts, rounds, lines, handlers, opening balances."""

from __future__ import annotations

import itertools
import uuid
from io import BytesIO

from core.cases.handler_changes import Emergency, ask_change, ask_emergency, decide_change
from core.cases.service import open_cases
from core.db.base import new_id
from core.db.session import reference_work
from core.funds.opening import decide_opening
from core.funds.opening_models import OpeningBalance
from core.identity.service import add_account, give_post
from core.parameters.proposals import adopt, proposals, propose, refuse, withdraw
from core.parameters.service import NewParameter
from core.people.imports.service import send
from core.surveys.service import open_round
from tests.conftest import COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.handler_story import ACCUSATION
from tests.matrix.ground import CLERK, DECIDER, Ground, Thing
from tests.web.conftest import SINCE
from tests.web.county import LATER, Acting

SWITCHED_LINE = "legal_aid"
"""The line that is switched; nothing else needs it."""


class Offices(Ground):
    """Makes them in the county, or where a level above looks after it."""

    def __init__(self, db: Database, acting: Acting) -> None:
        super().__init__(db, acting)
        self._years = itertools.count(2000)
        self.walker = uuid.UUID(int=0)
        """Whose the changes of handlers are that are to be taken back."""

    # Staff

    def _hired(self, tenant: str, role: str = "reviewer") -> tuple[uuid.UUID, uuid.UUID]:
        """A new account and its post in a tenant."""
        with reference_work() as session:
            serial = next(self._serial)
            account = add_account(session, f"matrix-{serial}", f"员工{serial}", None)
            return account.id, give_post(session, account.id, tenant, role, valid_from=SINCE).id

    def _account(self, state: str, tenant: str) -> Thing:
        account, _ = self._hired(tenant)
        if state == "off":
            self.owner("update account set disabled_at = now() where id = :id", id=account)
        return Thing({"account_id": account})

    def _post(self, state: str, tenant: str) -> Thing:
        account, post = self._hired(tenant)
        if state == "ended":
            self.owner("update post set valid_to = :day where id = :id", day=TODAY, id=post)
        return Thing({"account_id": account, "post_id": post}, {"to": PREFECTURE if tenant == COUNTY else COUNTY})

    # Rounds, lines, handlers

    def _round(self, state: str) -> Thing:
        year = next(self._years)
        if state != "none":
            with self._at("system:survey") as session:
                opened = open_round(session, year)
            if state == "decided":
                self.owner("update survey_round set decided_on = :day where id = :id", day=TODAY, id=opened.id)
        return Thing({}, {"year": str(year)})

    def _switched(self, state: str) -> Thing:
        self.owner("delete from plugin_rule")
        on = state in {"on", "required"}
        self.owner("update tenant_plugin set enabled = :on where tenant = :t and plugin = :p", on=on, t=COUNTY, p=SWITCHED_LINE)
        if state in {"required", "forbidden"}:
            self.owner(
                "insert into plugin_rule (tenant, id, plugin, version, word, valid_from, reason, actor, business_date, at)"
                " values (:t, :id, :p, 1, :word, :day, '规定', 'above', :day, now())",
                t=PROVINCE, id=new_id(), p=SWITCHED_LINE, word="require" if state == "required" else "forbid", day=SINCE,
            )  # fmt: skip
        return Thing({"name": SWITCHED_LINE})

    def _change(self, decides: str, state: str, *, asked_here: bool = False) -> Thing:
        """A change of a confidential case's handlers, asked and, as the state says, decided."""
        handler, fresh = (self._hired(COUNTY, "petition_handler")[0] for _ in range(2))
        vice, leader = self._hired(COUNTY, "vice_chair_in_charge")[0], self._hired(COUNTY, "leader")[0]
        with self._at(str(handler)) as session:
            [case] = open_cases(session, [ACCUSATION])
        if decides == "leader":
            with self._at(str(vice), LATER) as session:
                what = Emergency("order", "〔2025〕1号", clears=False)
                change = ask_emergency(session, case.number, add=[str(fresh)], what=what, reason="书面要求").id
        else:
            with self._at(str(handler), LATER) as session:
                change = ask_change(session, case.id, add=[str(fresh)], reason="力量不足").id
        with self._at(str(leader if decides == "leader" else vice), LATER) as session:
            if state in {"agreed", "refused"}:
                decide_change(session, change, agreed=state == "agreed", why="不符合规定")
        if state in {"withdrawn", "lapsed"}:
            self.owner("update handler_change set state = :state where id = :id", state=state, id=change)
        if asked_here:
            mine = "update handler_change set asked_by = :by, asked_persons = array[:by] where id = :id"
            self.owner(mine, by=str(self.walker), id=change)
        return Thing({"change_id": change})

    # Opening balances

    def _opening(self, state: str) -> Thing:
        with self._at(CLERK) as session:
            row = OpeningBalance(
                year=next(self._years), source="union", purpose="living", amount_fen=100, document="对账单", reason="期初",
                state="told", told_by=CLERK, told_on=TODAY,
            )  # fmt: skip
            session.add(row)
            session.flush()
            balance = row.id
        if state != "told":
            with self._at(DECIDER) as session:
                decide_opening(session, balance, confirmed=state == "confirmed")
        return Thing({"balance_id": balance}, {"confirmed": "no"})

    def _import(self, state: str) -> Thing:
        with self._at(CLERK) as session:
            made = send(session, "名册.csv", BytesIO(f"名册 {next(self._serial)}".encode())).made.id
        # nobody works on it: what is being written cannot be given up
        mine = "update roster_import set state = :state, households = 1, job_id = null where id = :id"
        self.owner(mine, state=state, id=made)
        if state == "committed":
            self.owner("update roster_import set committed_at = at, committed_by = actor where id = :id", id=made)
        return Thing({"import_id": made})

    def _proposal(self, state: str) -> Thing:
        with self._at(CLERK) as session:
            # one figure has one proposal that waits; no rule reads these, so nothing is counted before they are adopted
            waiting = {row.name for row in proposals(session, state="open")}
            figures = ("notice_working_days", "stale_after_days", "handler_change_days")
            name = next(one for one in figures if one not in waiting)
            new = NewParameter(name, TODAY, 5 + next(self._serial), "县总工会办法", "一")
            made = propose(session, new, reason="按新办法执行").id
        with self._at(DECIDER) as session:
            if state == "adopted":
                adopt(session, made)
            elif state == "refused":
                refuse(session, made, note="依据不足")
            elif state == "withdrawn":
                withdraw(session, made, note="文号有误")
        return Thing({"proposal_id": made})
