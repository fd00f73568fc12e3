"""What a county must be found to be where it has arrived."""

from __future__ import annotations

import json

from sqlalchemy import select

from core.cases.models import Case
from core.cases.sealing import form_of
from core.db.session import reference_work, unit_of_work
from core.documents.models import Document
from core.documents.service import read_document
from core.exchange.envelopes import personal_content
from core.exchange.identity_index import Elsewhere, elsewhere
from core.exchange.models import Envelope
from core.identity.models import Account, Post
from core.people.search.finding import find
from core.tenancy.models import PluginSettingChange, Tenant, TenantChange
from core.tenancy.setting_secrets import opened_secret
from core.trail.models import TrailEntry
from core.trail.service import first_break
from tests.conftest import COUNTY, PREFECTURE
from tests.core.staffing import at_desk
from tests.tenants.moved import SECRET, WHY, Moving, acting


def rows_open(way: Moving) -> None:
    """Lists, papers, secrets, packages and the trail are readable under the other installation's key."""
    with acting(permissions=frozenset({"people.read", "document.read"})), unit_of_work() as session:
        assert first_break(session) is None
        assert [found.person_id for found in find(session, way.number)] == [way.person]
        for paper in session.scalars(select(Document)).all():
            read_document(session, paper.id)
        [change] = session.scalars(select(PluginSettingChange)).all()
        assert opened_secret(COUNTY, "petitions", "token", change.secrets["token"]) == SECRET
        sent = session.scalars(select(Envelope).where(Envelope.body_cipher.is_not(None))).all()
        assert sent
        assert all(personal_content(envelope) for envelope in sent)
        entries = session.scalars(select(TrailEntry).order_by(TrailEntry.seq.desc()).limit(2)).all()
        assert [entry.action for entry in entries] == ["county.import", "county.export"]
        assert json.loads(entries[0].content)["fields"]["reason"] == WHY
    with acting(PREFECTURE), unit_of_work() as session:
        assert elsewhere(session, [way.number], [2025], "核对") == [Elsewhere(on_file=True, aided=False)]
        assert session.scalars(select(Tenant.state).where(Tenant.code == COUNTY)).one() == "read_only"
        history = select(TenantChange).where(TenantChange.tenant_code == COUNTY).order_by(TenantChange.id.desc())
        newest = session.scalars(history.limit(1)).one()
        assert (newest.act, newest.reason, newest.by_tenant) == ("read_only", WHY, PREFECTURE)


def sealed_for_its_handler_alone(way: Moving) -> None:
    """The confidential case is there for its handler and for nobody else."""
    for account, seen in ((way.handler, True), (way.second, False)):
        with at_desk(account) as session:
            case = session.scalar(select(Case).where(Case.id == way.accusation))
            assert (case is not None) is seen
            if case is not None:
                assert form_of(session, case)["subject"] == "机密事由"
                [paper] = session.scalars(select(Document).where(Document.case_id == case.id)).all()
                assert read_document(session, paper.id)[0].title == "机密材料"


def staff_without_secrets(way: Moving) -> None:
    """Accounts came with their posts, and with nothing by which somebody could sign in."""
    with reference_work() as session:
        account = session.scalars(select(Account).where(Account.id == way.handler)).one()
        assert (account.login, account.password_hash, account.totp_cipher) == ("ban", None, None)
        assert account.must_change_password
        assert account.disabled_at is None
        posts = session.scalars(select(Post).where(Post.account_id == account.id))
        assert [(post.tenant_code, post.role) for post in posts] == [(COUNTY, "petition_handler")]
