"""What tests of handler changes share: a county's people, an accusation among them, and what the owner sees of its rows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text

import core.models
from core.cases.handler_changes import Emergency, ask_change, ask_emergency, decide_change
from core.cases.handler_lists import handler_news
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.base import rule_of
from core.db.rules import Policy, TenantTable
from core.db.session import unit_of_work
from core.documents.service import NewDocument, add_documents
from core.scope import entered
from core.tenancy.keys import give_key
from tests.conftest import COUNTY, OTHER_COUNTY, Database, scope_of
from tests.core.lines import PDF, PETITION, install
from tests.core.staffing import at_desk, hire, stand_at
from tests.kept import kept
from tests.web.county import switch_lines

ACCUSATION = NewCase(
    "petitions",
    "petition",
    (NewParty("applicant", label="周明"),),
    form=PETITION | {"kind": "accusation", "subject": "机密事由"},
)
NOBODY_LEFT = Emergency("nobody_left")
ORDER = Emergency("order", "成纪函〔2025〕3号", clears=False)
WHY = "党组会议纪要〔2025〕9号"


@dataclass(frozen=True)
class Story:
    """An accusation in the first county, accepted and with a paper, and the county's people by what they are."""

    db: Database
    case_id: uuid.UUID
    number: str
    handler: uuid.UUID
    second: uuid.UUID
    fresh: uuid.UUID
    """Petition handlers: the case's only one, and two more."""
    vice: uuid.UUID
    leader: uuid.UUID
    stranger: uuid.UUID
    """Vice chair in charge of the other county, who is its leader's and nobody else's colleague."""

    def handlers(self) -> list[str]:
        """Who handles the case, as the owner sees it."""
        with self.db.owner.connect() as connection:
            wanted = text("select handlers from case_record where id = :case")
            return list(connection.execute(wanted, {"case": self.case_id}).scalar_one())

    def close_account(self, account: uuid.UUID) -> None:
        """Switch an account off."""
        with self.db.owner.begin() as connection:
            connection.execute(text("update account set disabled_at = now() where id = :id"), {"id": account})

    def rows(self) -> dict[str, list[list[str] | None]]:
        """The handlers of every row of the case in each table that can be confidential, as the owner sees it: a table that is
        new enters by itself."""
        found = {}
        with self.db.owner.connect() as connection:
            for table in core.models.metadata.sorted_tables:
                rule = rule_of(table)
                if isinstance(rule, TenantTable) and rule.policy is Policy.CONFIDENTIAL:
                    wanted = text(f"select handlers from {table.name} where {rule.opened_by} = :case")
                    if held := list(connection.scalars(wanted, {"case": self.case_id})):
                        found[table.name] = held
        return found


def tell(db: Database) -> Story:
    """Plant the county's people and its case."""
    install(db)
    return kept(db, "handlers", lambda: _told(db))


def _told(db: Database) -> Story:
    stand_at(db)
    for tenant in (COUNTY, OTHER_COUNTY):
        switch_lines(db, tenant)
        with entered(scope_of(tenant)), unit_of_work() as session:
            give_key(session)
    handler, second, fresh = (hire(login, (COUNTY, "petition_handler")) for login in ("ban", "er", "xin"))
    vice, leader = hire("fen", (COUNTY, "vice_chair_in_charge")), hire("zhu", (COUNTY, "leader"))
    stranger = hire("far", (OTHER_COUNTY, "vice_chair_in_charge"))
    with at_desk(handler) as session:
        [case] = open_cases(session, [ACCUSATION])
        advance(session, [case.id], "accept", "机密意见")
        add_documents(session, [NewDocument("application_letter", "机密材料", PDF, case_id=case.id)])
        case_id, number = case.id, case.number
    return Story(db, case_id, number, handler, second, fresh, vice, leader, stranger)


def asked(story: Story, *add: uuid.UUID, what: Emergency = NOBODY_LEFT) -> uuid.UUID:
    """Have the vice chair ask for an emergency change to ``add``."""
    with at_desk(story.vice) as session:
        return ask_emergency(session, story.number, add=[str(one) for one in add], what=what, reason=WHY).id


def agreed(by: uuid.UUID, change: uuid.UUID) -> None:
    """Have somebody agree."""
    with at_desk(by) as session:
        decide_change(session, change, agreed=True)


def ask_by(story: Story, by: uuid.UUID, add: Sequence[uuid.UUID], remove: Sequence[uuid.UUID] = ()) -> uuid.UUID:
    """Have a handler ask that people be added or leave."""
    with at_desk(by) as session:
        names = [str(one) for one in add], [str(one) for one in remove]
        return ask_change(session, story.case_id, add=names[0], remove=names[1], reason=WHY).id


def sees(account: uuid.UUID, tenant: str = COUNTY) -> list[str]:
    """The numbers of the cases that somebody sees."""
    with at_desk(account, tenant) as session:
        return list(session.scalars(select(Case.number)))


def news(account: uuid.UUID) -> list[str]:
    """What somebody is told: his part in each change."""
    with at_desk(account) as session:
        return [item.part for item in handler_news(session)]
