"""The identity provider's directory of people and groups, as Keycloak's administration interface gives it (python-keycloak).

Everything goes through the client for provisioning, which may look after people and groups and nothing else (decision 0009).
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.identity.directory.errors import DirectoryAway, DirectoryRefused
from core.identity.oidc.reach import Reach
from core.settings import settings

TIMEOUT, BRIEF_TIMEOUT = 5, 2
"""Seconds for one request of background work, and of a page that somebody waits for."""
NO_PASSWORD = "none"  # noqa: S105 - the stamp of a password that is not there
MARK = "bangfu_account"
"""The attribute that says whose person it is: the account's id. The realm lets administrators alone set it."""

_PAGE = 500
_NOT_FOUND, _CONFLICT, _UNAUTHORISED, _FORBIDDEN = 404, 409, 401, 403
_OUT_OF_ORDER = frozenset({429, 502, 503, 504})
_KEY = re.compile(r"[A-Za-z][\w.-]{0,60}")


@dataclass(frozen=True, slots=True)
class Access:
    """Where the directory is, and the client by which it is looked after."""

    url: str
    realm: str
    client: str
    secret: str = field(repr=False)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A user there. ``whole`` is the representation as it was given, to be sent back with what changes."""

    id: str
    login: str
    name: str
    enabled: bool
    account: str | None
    """The account's id that it is marked with."""
    whole: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionThere:
    """A session of the provider's."""

    id: str
    address: str | None
    since: datetime
    seen: datetime
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A try to sign in that the provider refused: its event's id, whose it was (None for a name that is nobody's), why, from
    where and when. The name that was typed is left out."""

    event: uuid.UUID
    subject: str | None
    why: str
    address: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """A group there: its id, name and path."""

    id: str
    name: str
    path: str


class Directory:
    """The realm's people and groups. Each call raises ``DirectoryAway`` where nothing can be asked, and ``DirectoryRefused``
    where this one thing is refused."""

    def __init__(self, access: Access, timeout: int) -> None:
        # Imported only here: it takes a quarter of a second, and local accounts never need it.
        from keycloak import KeycloakAdmin, KeycloakOpenIDConnection

        connection = KeycloakOpenIDConnection(
            server_url=access.url,
            realm_name=access.realm,
            client_id=access.client,
            client_secret_key=access.secret,
            verify=str(access.ca_file) if access.ca_file else True,
            timeout=timeout,
            # What fails waits in the outbox, or a page says so: a second try would double the waiting.
            max_retries=0,
        )
        # No proxy of the environment stands between the two servers; the library offers no other way to say so.
        connection._s.trust_env = connection.keycloak_openid.connection._s.trust_env = False
        self._admin = KeycloakAdmin(connection=connection)
        self._where = f"{access.url}/realms/{access.realm}"
        self._reach = Reach()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """One question: errors of the library are told in our words, and while the server is away it is rarely asked."""
        from keycloak import KeycloakError

        if not self._reach.may_try():
            raise self._away("没有响应", "does not answer")
        try:
            yield
        except KeycloakError as error:
            status = error.response_code
            if status is None or status in _OUT_OF_ORDER:
                self._reach.failed()
                raise self._away("没有响应", "does not answer") from None
            self._reach.answered()
            raise self._told(status, error.response_body or b"") from None
        self._reach.answered()

    def _away(self, zh: str, en: str, mend_zh: str = "恢复后自动继续", mend_en: str = "it goes on by itself") -> DirectoryAway:
        return DirectoryAway(
            f"统一身份认证{zh}", f"the identity provider {en}", where=self._where, mend_zh=mend_zh, mend_en=mend_en
        )

    def _told(self, status: int, body: bytes) -> DirectoryAway | DirectoryRefused:
        why = _error_key(body)
        if status == _UNAUTHORISED or why in {"unauthorized_client", "invalid_client"}:
            return self._away(
                "不认可账号管理客户端",
                "does not take the client for provisioning",
                "请系统管理员核对 BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET",
                "let the system administrator check BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET",
            )
        if status == _FORBIDDEN:
            return DirectoryRefused(
                "统一身份认证没有给账号管理客户端相应权限",
                "the client for provisioning lacks a right there",
                answer=status,
                mend_zh="请系统管理员核对该客户端的 manage-users 等权限",
                mend_en="let the system administrator check its rights (manage-users, view-users, query-groups, view-events)",
            )
        said = f"{status} {why}".strip()
        return DirectoryRefused(
            f"统一身份认证拒绝了该操作（{said}）",
            f"the identity provider refuses that ({said})",
            answer=status,
            mend_zh="请系统管理员在统一身份认证处核对该账号",
            mend_en="let the system administrator look at the account there",
        )

    def clock_difference(self) -> float:
        """By how many seconds the provider's clock is ahead of ours, to the second: from a token that it issues now."""
        with self._asking():
            self._admin.connection.get_token()
        token = (self._admin.connection.token or {})["access_token"].split(".")[1]
        issued: int = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["iat"]
        return issued - time.time()

    # People

    def person(self, subject: str) -> Person | None:
        """The user with an id; None where there is none."""
        try:
            with self._asking():
                return _person(self._admin.get_user(subject))
        except DirectoryRefused as refused:
            if refused.answer == _NOT_FOUND:
                return None
            raise

    def named(self, login: str) -> Person | None:
        """The user with exactly that name; None where there is none."""
        with self._asking():
            found = self._admin.get_users({"username": login, "exact": "true", "max": 2})
        return next((_person(one) for one in found if one["username"] == login.lower()), None)

    def people(self) -> Iterator[Person]:
        """All users, by pages; service accounts are not among them."""
        first = 0
        while True:
            with self._asking():
                found = self._admin.get_users({"first": first, "max": _PAGE, "briefRepresentation": "false"})
            yield from map(_person, found)
            if len(found) < _PAGE:
                return
            first += _PAGE

    def make(self, wanted: Mapping[str, Any]) -> str | None:
        """A new user by its representation: its id, or None where the name was taken meanwhile."""
        try:
            with self._asking():
                return self._admin.create_user(dict(wanted))
        except DirectoryRefused as refused:
            if refused.answer == _CONFLICT:
                return None
            raise

    def change(self, person: Person, wanted: Mapping[str, Any]) -> None:
        """Set the named parts of a user's representation; attributes are added to those that are there."""
        attributes = {**person.whole.get("attributes", {}), **wanted.get("attributes", {})}
        with self._asking():
            self._admin.update_user(person.id, {**person.whole, **wanted, "attributes": attributes})

    # Groups

    def group(self, path: str) -> str:
        """The id of the group at ``path``; it and those above it are made where they are not there."""
        found = self.group_at(path)
        if found is not None:
            return found.id
        above, _, name = path.rpartition("/")
        parent = self.group(above) if above else None
        try:
            with self._asking():
                made = self._admin.create_group({"name": name}, parent=parent)
            if made is not None:
                return made
        except DirectoryRefused as refused:
            # Somebody else has made it meanwhile.
            if refused.answer != _CONFLICT:
                raise
        found = self.group_at(path)
        if found is None:
            raise DirectoryRefused(f"群组 {path} 无法建立", f"the group {path} cannot be made", where=path)
        return found.id

    def group_at(self, path: str) -> Group | None:
        """The group at ``path``; None where there is none."""
        try:
            with self._asking():
                return _group(self._admin.get_group_by_path(path))
        except DirectoryRefused as refused:
            if refused.answer == _NOT_FOUND:
                return None
            raise

    def below(self, group: Group) -> list[Group]:
        """The groups directly below one."""
        with self._asking():
            return [_group(one, group.path) for one in self._admin.get_group_children(group.id)]

    def members(self, group: Group) -> list[Person]:
        """Who is in a group itself, by pages."""
        with self._asking():
            return [_person(one) for one in self._admin.get_group_members(group.id)]

    def groups_of(self, subject: str) -> dict[str, str]:
        """The groups that a user is in: ids by path."""
        with self._asking():
            return {one["path"]: one["id"] for one in self._admin.get_user_groups(subject)}

    def join(self, subject: str, group: str) -> None:
        """Put a user into a group (its id); one that is in stays in."""
        with self._asking():
            self._admin.group_user_add(subject, group)

    def leave(self, subject: str, group: str) -> None:
        """Take a user out of a group; one that is not in stays out."""
        with self._asking():
            self._admin.group_user_remove(subject, group)

    # Credentials

    def password_stamp(self, subject: str) -> str:
        """What tells the user's present password from any other: ``NO_PASSWORD``, or its id with the millisecond when it was
        set, by the provider's own clock."""
        for one in self._credentials(subject):
            if one["type"] == "password":
                return f"{one['id']}/{one['createdDate']}"
        return NO_PASSWORD

    def set_first_password(self, subject: str, password: str) -> None:
        """Set a password that the person has to change at once, and end the wait that wrong ones have led to."""
        with self._asking():
            self._admin.set_user_password(subject, password, temporary=True)
        with self._asking():
            self._admin.clear_bruteforce_attempts_for_user(subject)

    def drop_second_factors(self, subject: str) -> None:
        """Take away whatever a user proves himself with beside the password."""
        for one in self._credentials(subject):
            if one["type"] != "password":
                with self._asking():
                    self._admin.delete_credential(subject, one["id"])

    def _credentials(self, subject: str) -> Sequence[Mapping[str, Any]]:
        with self._asking():
            return self._admin.get_credentials(subject)

    # Sign-ins

    def refusals(self, since: date) -> Iterator[Refusal]:
        """Tries to sign in that were refused on a day (by the provider's clock) or later, newest first, by pages."""
        first = 0
        while True:
            asked = {"type": "LOGIN_ERROR", "dateFrom": since.isoformat(), "first": first, "max": _PAGE}
            with self._asking():
                found = self._admin.get_events(asked)
            yield from map(_refusal, found)
            if len(found) < _PAGE:
                return
            first += _PAGE

    # Sessions

    def sessions(self, subject: str) -> list[SessionThere]:
        """The live sessions of a user, newest first."""
        with self._asking():
            found = [_session(one) for one in self._admin.get_sessions(subject)]
        return sorted(found, key=lambda one: one.since, reverse=True)

    def log_out(self, subject: str) -> None:
        """End all sessions of a user; the web is told by back-channel logout."""
        with self._asking():
            self._admin.user_logout(subject)

    def end_session(self, session_id: str) -> None:
        """End one session; one that has ended meanwhile is none."""
        address = f"admin/realms/{self._admin.connection.realm_name}/sessions/{session_id}"
        with self._asking():
            # The library has no call for it.
            answer = self._admin.connection.raw_delete(address)
            if answer.status_code in {_UNAUTHORISED, _FORBIDDEN}:
                raise self._told(answer.status_code, answer.content)


def _error_key(body: bytes) -> str:
    """The key by which Keycloak names an error; its free texts may repeat what was sent and are left out."""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    found = said.get("errorMessage") or said.get("error") if isinstance(said, dict) else None
    return found if isinstance(found, str) and _KEY.fullmatch(found) else ""


def _person(found: Mapping[str, Any]) -> Person:
    [mark] = (found.get("attributes") or {}).get(MARK, [None])[:1]
    return Person(found["id"], found["username"], found.get("lastName") or "", bool(found.get("enabled")), mark, found)


def _group(found: Mapping[str, Any], above: str = "") -> Group:
    return Group(found["id"], found["name"], found.get("path") or f"{above}/{found['name']}")


def _session(found: Mapping[str, Any]) -> SessionThere:
    since, seen = (datetime.fromtimestamp(found[name] / 1000, UTC) for name in ("start", "lastAccess"))
    clients = tuple(sorted(str(name) for name in (found.get("clients") or {}).values()))
    return SessionThere(found["id"], found.get("ipAddress"), since, seen, clients)


def _refusal(found: Mapping[str, Any]) -> Refusal:
    at = datetime.fromtimestamp(found["time"] / 1000, UTC)
    return Refusal(uuid.UUID(found["id"]), found.get("userId"), found.get("error") or "", found.get("ipAddress"), at)


@lru_cache(maxsize=2)
def _directory(access: Access, timeout: int) -> Directory:
    return Directory(access, timeout)


def directory(*, brief: bool = False) -> Directory:
    """The directory that the settings name, kept for the life of this process; ``brief`` for pages, which wait less."""
    own = settings()
    access = Access(
        url=own.keycloak_url.rstrip("/"),
        realm=own.keycloak_realm,
        client=own.keycloak_admin_client_id,
        secret=own.keycloak_admin_client_secret.get_secret_value(),
        ca_file=own.keycloak_ca_file,
    )
    return _directory(access, BRIEF_TIMEOUT if brief else TIMEOUT)
