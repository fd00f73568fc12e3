"""Two counties that are to become one: households surveyed, granted and paid in both, one family on file in both, an open
petition, a job seeker without a file, papers, money left; and the province's people."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.session import unit_of_work
from core.documents.service import NewDocument, add_documents
from core.exchange.identity_index import ON_FILE, mark
from core.funds.models import FundAccount
from core.jobs.models import Job
from core.jobs.runner import run_inline
from core.people.models import WorkerFile
from core.scope import entered
from core.tenancy.keys import tokens
from core.tenancy.service import system_scope
from tenants.merging import MOVE_JOB, SEAL_JOB, ask_closing, decide_closing
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, Database
from tests.core.audit_story import AUDITED, YEAR, Home, OrderlyCounty, number_of
from tests.core.lines import JOB, PDF, PETITION, Acting, install
from tests.core.staffing import at_desk, hire, stand_at
from tests.kept import kept

THIRD = "510105"
WHY = "川政函〔2026〕1号"


@dataclass
class Story:
    """What was planted."""

    db: Database
    leaving: OrderlyCounty
    staying: OrderlyCounty
    asker: uuid.UUID
    leader: uuid.UUID
    petition: uuid.UUID
    seeker: uuid.UUID
    number: str

    def asked(self) -> uuid.UUID:
        """Have the province's administrator ask for the merger."""
        with at_desk(self.asker, PROVINCE) as session:
            return ask_closing(session, COUNTY, OTHER_COUNTY, WHY).id

    def agreed(self, closing: uuid.UUID) -> None:
        """Have the leader agree."""
        with at_desk(self.leader, PROVINCE) as session:
            decide_closing(session, closing, agreed=True)

    def job(self, kind: str) -> uuid.UUID:
        """The job of a kind in the province."""
        with entered(system_scope(PROVINCE, "test")), unit_of_work() as session:
            return session.scalars(select(Job.id).where(Job.kind == kind)).one()

    def carried_out(self) -> dict[str, object]:
        """Run both jobs in this process; the progress of the second."""
        moved = run_inline(PROVINCE, self.job(MOVE_JOB))
        assert moved["state"] == "done", moved
        return run_inline(PROVINCE, self.job(SEAL_JOB))

    def totals(self, *counties: str) -> Counter[tuple[object, ...]]:
        """What counties hold together, as the owner sees it: fen by year, source, purpose and state, and files on file."""
        found: Counter[tuple[object, ...]] = Counter()
        with self.db.owner.connect() as connection:
            rows = connection.execute(
                text("select year, source, purpose, state, balance_fen from fund_account where tenant = any (:t)"),
                {"t": list(counties)},
            )
            for *key, fen in rows:
                found[tuple(key)] += fen
            alive = "select count(*) from worker_file where tenant = any (:t) and status in ('on_file', 'draft')"
            found["files",] = connection.scalar(text(alive), {"t": list(counties)}) or 0
        return Counter({key: fen for key, fen in found.items() if fen})


def tell(db: Database, acting: Acting) -> Story:
    """Plant it all."""
    install(db)
    planted = kept(db, "merging", lambda: _planted(db, acting))
    leaving = OrderlyCounty(db, acting, homes=planted.leaving)
    with leaving.post("desk"), unit_of_work() as session:  # papers lie outside of the database, and are not put back
        add_documents(
            session,
            [
                NewDocument("identity_card", "身份证", PDF, household_id=planted.leaving[0].household_id),
                NewDocument("application_letter", "信访事项", PDF, case_id=planted.petition),
            ],
        )
    staying = OrderlyCounty(db, acting, tenant=OTHER_COUNTY, homes=planted.staying)
    return Story(db, leaving, staying, planted.asker, planted.leader, planted.petition, planted.seeker, planted.number)


@dataclass(frozen=True)
class _Planted:
    leaving: Sequence[Home]
    staying: Sequence[Home]
    asker: uuid.UUID
    leader: uuid.UUID
    petition: uuid.UUID
    seeker: uuid.UUID
    number: str


def _planted(db: Database, acting: Acting) -> _Planted:
    stand_at(db, AUDITED)
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into tenant (code, name, union_name, level, province, prefecture, parent, state, onboarded_on)"
                " values (:code, '青羊区', '青羊区总工会', 'county', :province, :prefecture, :prefecture, 'open', '2025-01-02')"
            ),
            {"code": THIRD, "province": PROVINCE, "prefecture": PREFECTURE},
        )
    leaving, staying = OrderlyCounty(db, acting, (1, 2, 3)), OrderlyCounty(db, acting, (3, 4), OTHER_COUNTY)
    for county, serials in ((leaving, (1, 2, 3)), (staying, (3, 4))):
        with county.post("system:marks"), unit_of_work() as session:
            mark(session, [tokens().identity_index_hash(number_of(serial)) for serial in serials], YEAR, ON_FILE)
    with db.owner.begin() as connection:
        for tenant in (COUNTY, OTHER_COUNTY):
            for line in ("petitions", "employment"):
                connection.execute(
                    text("insert into tenant_plugin (tenant, plugin, enabled, version) values (:t, :p, true, 1)"),
                    {"t": tenant, "p": line},
                )
    home = leaving.homes[0]
    with leaving.post("desk"), unit_of_work() as session:
        parties = (NewParty("applicant", home.worker_id, label="李明"), NewParty("household", household_id=home.household_id))
        [petition] = open_cases(session, [NewCase("petitions", "petition", parties, form=PETITION)])
        advance(session, [petition.id], "accept", "属本单位职责")
        seeker = NewCase("employment", "job_seeking", (NewParty("applicant", label="王芳"),), form=JOB)
        [seeking] = open_cases(session, [seeker])
        ids, number = (petition.id, seeking.id), petition.number
    asker, leader = hire("sheng", (PROVINCE, "tenant_admin")), hire("zhuxi", (PROVINCE, "leader"))
    return _Planted(leaving.homes, staying.homes, asker, leader, *ids, number)


def files(session: Session) -> dict[str, str]:
    """Files of the tenant in scope: number to status."""
    return dict(session.execute(select(WorkerFile.file_number, WorkerFile.status)).all())


def balances(session: Session) -> dict[tuple[object, ...], int]:
    """Fen by year, source, purpose and state; accounts that hold nothing left out."""
    columns = (FundAccount.year, FundAccount.source, FundAccount.purpose, FundAccount.state)
    return {tuple(key): fen for *key, fen in session.execute(select(*columns, FundAccount.balance_fen)) if fen}
