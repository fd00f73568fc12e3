"""Carries what changed here over to the directory: people, their first passwords, memberships and sessions (issue 5).

What is true here wins. An item of the outbox names an account; how it stands is read when the item is carried out, by one
process at a time for each account, and everything that is done there may be done twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.db.session import reference_work
from core.errors import BangfuError
from core.identity.changes import IDENTITY_CHANGED, kept_elsewhere
from core.identity.directory import first_passwords
from core.identity.directory.errors import DirectoryRefused, LoginTaken
from core.identity.directory.groups import is_ours, paths_of
from core.identity.directory.models import DirectoryDifference, DirectoryEntry
from core.identity.directory.there import MARK, NO_PASSWORD, Directory, Person, directory
from core.identity.grants import open_posts
from core.identity.models import Account
from core.identity.sessions import live_sessions
from core.jobs.failures import told
from core.jobs.outbox import on_topic
from core.scope import current_scope

STRANGER = "identity.stranger"
"""Topic: a user there who has no account here leaves the tenants' groups."""


@on_topic(IDENTITY_CHANGED)
def carry_out(session: Session, payload: Mapping[str, Any]) -> None:
    """Bring one account's entry into step. Raises ``DirectoryAway``, ``DirectoryRefused``; why stands with the entry then."""
    if not kept_elsewhere():
        return
    account_id = uuid.UUID(payload["account"])
    _alone_with(session, account_id)
    account = session.get(Account, account_id, populate_existing=True)
    if account is None or account.is_program:
        return
    entry = session.get(DirectoryEntry, account_id, populate_existing=True) or DirectoryEntry(account_id=account_id, told=0)
    try:
        subject, there = account.subject, directory()
        behind = subject is None or entry.done != entry.told
        if behind:
            subject = _in_step(session, there, account, entry)
        if subject is not None and payload["what"] in {"password", "sessions"}:
            _end_sessions(session, there, account_id, subject, payload.get("sid"))
    except Exception as error:
        _note_failure(account_id, error)
        raise
    # Nothing was written before: whoever changes the account meanwhile does not wait for the directory.
    account.subject = subject
    session.flush()
    _note_success(session, entry, delivered=behind and subject is not None)


def _alone_with(session: Session, account_id: uuid.UUID) -> None:
    """Keep other processes from the same account's entry until this transaction ends: the later one reads the later state."""
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"directory/{account_id}", 0))
    session.execute(select(lock).where(Account.id == account_id))


def _in_step(session: Session, there: Directory, account: Account, entry: DirectoryEntry) -> str | None:
    """Bring the person as a whole to what stands here; his id there. For a switched-off account nobody is made anew."""
    wanted = {
        "username": account.login,
        # A Chinese name is not parted; the realm asks for none of its parts.
        "lastName": account.display_name,
        "enabled": account.disabled_at is None,
        "attributes": {MARK: [str(account.id)]},
    }
    try:
        person = _known(there, account)
    except LoginTaken:
        if wanted["enabled"]:
            raise
        return None
    if person is None:
        if not wanted["enabled"]:
            return None
        person = _made(there, account, wanted, with_password=entry.password_cipher is None)
    now = (person.login, person.name, person.enabled, person.account)
    if now != (account.login, account.display_name, wanted["enabled"], str(account.id)):
        there.change(person, wanted)
    if account.disabled_at is not None:
        there.log_out(person.id)
    _put_into_groups(session, there, account.id, person.id)
    if entry.password_cipher is not None:
        _deliver(there, entry, entry.password_cipher, person.id)
    return person.id


def _known(there: Directory, account: Account) -> Person | None:
    """The account's person: by the id that provisioning noted, else by login where the person bears the account's mark.

    Raises ``LoginTaken`` for anybody else of that login: whoever made that user could sign in as him.
    """
    person = there.person(account.subject) if account.subject is not None else None
    if person is not None:
        return person
    named = there.named(account.login)
    if named is not None and named.account != str(account.id):
        raise LoginTaken(
            "统一身份认证中已有同名用户，且不能确认为本人",
            "another user has that login at the identity provider, and nothing says that it is this person",
            where="login",
            mend_zh="请停用本账号并换一个登录名；确为本人的，由系统运维执行 bangfu keycloak adopt",
            mend_en="switch the account off and take another login; if it is the person, have bangfu keycloak adopt run",
        )
    return named


def _made(there: Directory, account: Account, wanted: Mapping[str, Any], *, with_password: bool) -> Person:
    """A new person; with the password that was kept here, where no first one is on its way."""
    credential = first_passwords.credential_of(account.password_hash or "") if with_password else None
    if credential is not None:
        actions = ["UPDATE_PASSWORD"] if account.must_change_password else []
        wanted = {**wanted, "credentials": [credential], "requiredActions": actions}
    made = there.make(wanted)
    # None: somebody was quicker, and is ours or not.
    person = there.person(made) if made is not None else _known(there, account)
    if person is None:
        raise DirectoryRefused("统一身份认证未能建立该用户", "the user cannot be made at the identity provider", where="login")
    return person


def _put_into_groups(session: Session, there: Directory, account_id: uuid.UUID, subject: str) -> None:
    """Into the groups of the posts that hold today or later, and out of the tree's other ones."""
    posts = open_posts(session, account_id, current_scope().business_date)
    paths = paths_of(session, {post.tenant_code for post in posts})
    wanted = {f"{paths[post.tenant_code]}/{post.role}" for post in posts if post.tenant_code in paths}
    held = there.groups_of(subject)
    for path in sorted(wanted - set(held)):
        there.join(subject, there.group(path))
    for path in sorted(path for path in set(held) - wanted if is_ours(path)):
        there.leave(subject, held[path])


def _deliver(there: Directory, entry: DirectoryEntry, cipher: bytes, subject: str) -> None:
    """Set the first password there, once in effect: not again where it has arrived before a crash, since the person may have
    changed it since. Which password stood there before is noted in a transaction of its own, ahead of the act."""
    stamp = there.password_stamp(subject)
    before = entry.password_before
    if before is None:
        before = stamp
        with reference_work() as apart:
            noting = update(DirectoryEntry).values(password_before=stamp)
            apart.execute(noting.where(DirectoryEntry.account_id == entry.account_id, DirectoryEntry.password_cipher == cipher))
    if stamp in {before, NO_PASSWORD}:
        if entry.drops_second_factor:
            there.drop_second_factors(subject)
        there.set_first_password(subject, first_passwords.opened(entry.account_id, cipher))
        there.log_out(subject)


def _end_sessions(session: Session, there: Directory, account_id: uuid.UUID, subject: str, sid: str | None) -> None:
    """End one session of the provider's, or all that belong to none that lives here: a person who has signed in again since
    stays signed in."""
    if sid is not None:
        there.end_session(sid)
        return
    living = {row.provider_sid for row in live_sessions(session, account_id)}
    for found in there.sessions(subject):
        if found.id not in living:
            there.end_session(found.id)


def _note_success(session: Session, entry: DirectoryEntry, *, delivered: bool) -> None:
    of_account = DirectoryEntry.account_id == entry.account_id
    session.execute(update(DirectoryEntry).where(of_account).values(done=entry.told, done_at=datetime.now(UTC), error=None))
    if delivered and entry.password_cipher is not None:
        # One that was reset meanwhile is on its way still.
        arrived = {"password_cipher": None, "password_before": None, "drops_second_factor": False}
        this_one = DirectoryEntry.password_cipher == entry.password_cipher
        session.execute(update(DirectoryEntry).where(of_account, this_one).values(arrived))
    session.execute(delete(DirectoryDifference).where(DirectoryDifference.account_id == entry.account_id))


def _note_failure(account_id: uuid.UUID, error: Exception) -> None:
    if isinstance(error, BangfuError):
        # Shown to county administrators, whom the server's address is no help to; the outbox keeps it.
        error = copy(error)
        error.where = None
    with reference_work() as apart:
        noting = update(DirectoryEntry).where(DirectoryEntry.account_id == account_id).values(error=told(error))
        apart.execute(noting)


@on_topic(STRANGER)
def put_out(session: Session, payload: Mapping[str, Any]) -> None:
    """Take a user who has no account here out of the tenants' groups."""
    subject = payload["subject"]
    if not kept_elsewhere() or session.scalar(select(Account.id).where(Account.subject == subject)) is not None:
        return
    there = directory()
    if there.person(subject) is not None:
        for path, group in there.groups_of(subject).items():
            if is_ours(path):
                there.leave(subject, group)
    session.execute(delete(DirectoryDifference).where(DirectoryDifference.subject == subject))
