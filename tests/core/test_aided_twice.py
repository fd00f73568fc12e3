"""Who is aided in two counties: one package tells each county of all whom it concerns."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from core.audit.elsewhere import CHECK, KIND, tell_both
from core.audit.service import list_findings
from core.db.session import unit_of_work
from core.exchange.marks import aided_among
from core.exchange.models import Envelope
from core.funds.models import Grant
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.audit_story import YEAR, number_of, orderly, relay
from tests.core.lines import Acting, install
from tests.core.rights_story import WORKER, aid, family, keyed
from tests.core.staffing import trail_of


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


def test_a_damaged_number_stops_no_return_of_the_bank(db: Database, acting: Acting) -> None:
    """Who was paid is paid; the mark that cannot be made is told by the trail."""
    keyed(db, acting)
    theirs = family(acting, WORKER)
    with db.owner.begin() as connection:
        connection.execute(text("update person set identity_cipher = :cipher"), {"cipher": bytes(60)})
    aid(acting, theirs)
    with acting(), unit_of_work() as session:
        assert session.scalars(select(Grant.state)).all() == ["paid"]
        assert aided_among(session, YEAR, {("yearly_living", b"x")}) == {}
    [told] = trail_of(COUNTY, "identity_index.not_marked")
    assert (told["subject"], told["fields"]) == (["person", str(theirs.persons[0])], {"programme": "yearly_living"})


def test_one_package_tells_a_county_of_all_whom_it_concerns(db: Database, acting: Acting) -> None:
    with orderly(db, acting, (1, 2, 3)) as one, orderly(db, acting, (2, 3, 4), OTHER_COUNTY) as other:
        with acting(PROVINCE), unit_of_work() as session:
            assert tell_both(session, YEAR) == 2
            packages = session.scalars(select(Envelope).where(Envelope.kind == KIND)).all()
            assert [package.body for package in packages] == [{"year": YEAR}] * 2
        relay(acting, PROVINCE)
        for county, homes in ((one, one.homes[1:]), (other, other.homes[:2])):
            with county.post("auditor"), unit_of_work() as session:
                found = list_findings(session, YEAR)
                assert {finding.check_code for finding in found} == {CHECK.code}
                assert {finding.subject_id for finding in found} == {home.household_id for home in homes}
                assert number_of(2) not in str([finding.detail for finding in found])
                assert session.scalar(select(func.count()).select_from(Envelope)) == 1
