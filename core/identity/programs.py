"""Other systems that act here under an account of their own (外部系统接入): registered by the security administrator.

Keycloak holds the client and its secret; here stand who it is and what it may do. A program reads and files, but never decides,
approves or pays: those duties are of people, who can be asked for a fresh proof.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.errors import Conflict, InvalidInput
from core.host.declarations import RoleDecl
from core.host.manager import host
from core.identity.grants import refuse_empty, refuse_past, said_of
from core.identity.models import Account, Post
from core.identity.names import WRITE_PROGRAMS
from core.identity.service import Grant, give_post
from core.scope import current_scope
from core.trail.service import record

_CLIENT = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
_OF_PEOPLE = frozenset({"approver", "fund_manager", "payer"})


@dataclass(frozen=True, slots=True)
class Program:
    """Another system with its posts in the tenant in scope, the newest first."""

    account: Account
    posts: Sequence[Post]


def roles_for_programs() -> list[RoleDecl]:
    """The roles that a program may hold in the tenant in scope: working ones whose duty is not to decide or to pay."""
    scope = current_scope()
    return [
        role
        for role in host().collected_here("bangfu_roles")
        if scope.level in role.levels and role.granted_by == "tenant" and role.duty not in _OF_PEOPLE
    ]


def list_programs(session: Session, *, after: uuid.UUID | None = None, limit: int = 50) -> list[Program]:
    """The programs that hold or held a post in the tenant in scope, in the order in which they were registered: two
    statements. Needs ``staff.programs``."""
    scope = current_scope()
    scope.require(WRITE_PROGRAMS)
    here = Post.tenant_code == scope.tenant
    wanted = (
        select(Account)
        .where(Account.is_program, select(Post.id).where(here, Post.account_id == Account.id).correlate(Account).exists())
        .order_by(Account.id)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(Account.id > after)
    found = {account.id: Program(account, []) for account in session.scalars(wanted)}
    posts = select(Post).where(here, Post.account_id.in_(found)).order_by(Post.valid_from.desc(), Post.id.desc())
    held: dict[uuid.UUID, list[Post]] = {account_id: [] for account_id in found}
    for post in session.scalars(posts):
        held[post.account_id].append(post)
    return [Program(one.account, held[one.account.id]) for one in found.values()]


def register_program(
    session: Session,
    client: str,
    name: str,
    subject: str,
    role: str,
    *,
    reason: str,
    valid_from: date,
    valid_to: date | None = None,
) -> Post:
    """Let a program in with a post in the tenant in scope; one that is registered already gets a further post.

    ``client`` is the client's id at Keycloak and ``subject`` the id of its service account there: both must be those of the
    access tokens that it brings. Raises ``Forbidden``, ``InvalidInput`` for what cannot be, ``Conflict`` where the client or
    the service account is registered as somebody else, and what ``give_post`` raises.
    """
    scope = current_scope()
    scope.require(WRITE_PROGRAMS)
    refuse_empty(reason)
    refuse_past(valid_from)
    if role not in {found.code for found in roles_for_programs()}:
        raise InvalidInput(
            "外部系统不能担任该岗位",
            f"a program cannot hold the role {role!r} here",
            where="role",
            mend_zh="请选择不负责审批和资金的岗位",
            mend_en="choose a role whose duty is not to decide or to pay",
        )
    account = _account(session, client.strip(), name.strip(), subject.strip())
    grant = Grant(scope.actor, reason.strip())
    post = give_post(session, account.id, scope.tenant, role, valid_from=valid_from, valid_to=valid_to, grant=grant)
    record(session, "program.registered", "account", account.id, {"client": account.login})
    record(session, "post.given", "post", post.id, said_of(post))
    return post


def _account(session: Session, client: str, name: str, subject: str) -> Account:
    if not _CLIENT.fullmatch(client):
        raise InvalidInput(
            "客户端标识只能用小写字母、数字和 . _ -，2 至 63 个字符",
            "a client id has 2 to 63 small letters, digits and . _ -",
            where="client",
            mend_zh="请在统一身份认证处按此命名客户端",
            mend_en="name the client like that at Keycloak",
        )
    if not subject:
        raise InvalidInput(
            "请填写服务账号编号",
            "the id of the service account is missing",
            where="subject",
            mend_zh="见统一身份认证中该客户端的服务账号",
            mend_en="see the service account of the client at Keycloak",
        )
    known = session.scalars(
        select(Account).where(or_(Account.login == client, Account.subject == subject)).with_for_update()
    ).all()
    if not known:
        if not name:
            raise InvalidInput("请填写系统名称", "the name of the system is missing", where="name")
        account = Account(login=client, display_name=name, subject=subject, is_program=True)
        session.add(account)
        session.flush()
        return account
    account = known[0]
    if len(known) > 1 or not account.is_program or (account.login, account.subject) != (client, subject):
        raise Conflict(
            "该客户端标识或服务账号已另有登记",
            "the client or the service account is registered as somebody else",
            where="client",
            mend_zh="请核对客户端标识与服务账号编号",
            mend_en="check the client's id and that of its service account",
        )
    if account.disabled_at is not None:
        raise Conflict(
            "该外部系统已停用",
            "the program is switched off",
            where="client",
            mend_zh="请先启用",
            mend_en="switch it on first",
        )
    return account
