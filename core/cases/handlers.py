"""Who handles a confidential case (承办人): named at its opening, at least one of them able to take it up (domain 4.2.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import InvalidInput
from core.host.declarations import TransitionDecl, WorkflowDecl
from core.host.manager import host
from core.identity.mapping import OwnMapping, own_mapping
from core.identity.models import Account, Post
from core.identity.service import case_lines_of, holds, permissions_of, roles
from core.scope import current_scope


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account of the tenant whose posts may make a step of the workflow; ``may_begin``: also the first one."""

    actor: str
    name: str
    titles: tuple[str, ...]
    may_begin: bool


def first_step(flow: WorkflowDecl) -> TransitionDecl:
    """The transition that takes up a case: the first declared one that leaves the initial state."""
    return next(step for step in flow.transitions if flow.initial in step.sources)


class Office:
    """The tenant's people as handlers of confidential cases. Their posts are asked for once, and only where it is needed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @cached_property
    def _posts(self) -> dict[tuple[str, str], list[Post]]:
        scope = current_scope()
        rows = self._session.execute(
            select(Account.id, Account.display_name, Post)
            .join(Post, Post.account_id == Account.id)
            .where(
                Post.tenant_code == scope.tenant,
                holds(scope.business_date),
                Account.disabled_at.is_(None),
                Account.is_program.is_(False),
            )
            .order_by(Account.display_name, Account.id, Post.role)
        )
        found: dict[tuple[str, str], list[Post]] = defaultdict(list)
        for account, name, post in rows:
            found[str(account), name].append(post)
        return found

    @cached_property
    def _own(self) -> OwnMapping:
        scope = current_scope()
        codes = sorted({post.role for posts in self._posts.values() for post in posts})
        # Of lines that are off too: the clocks of their cases run on, and so somebody must be able to take them over.
        return own_mapping(self._session, codes, frozenset(host().infos), scope.business_date)

    def candidates(self, flow: WorkflowDecl) -> list[Candidate]:
        """Whom a confidential case of ``flow`` may be given to, besides the one who opens it."""
        steps, begin = {step.permission for step in flow.transitions}, first_step(flow).permission
        found = []
        for (actor, name), posts in self._posts.items():
            roles_held, plugins = [post.role for post in posts], current_scope().plugins | {flow.plugin}
            held, lines = permissions_of(roles_held, plugins, self._own), case_lines_of(roles_held, plugins, self._own)
            if held & steps and "case.read" in held and (lines is None or flow.plugin in lines):
                found.append(Candidate(actor, name, tuple(post.title for post in posts), begin in held))
        return found

    def chosen(self, flow: WorkflowDecl, named: Sequence[str]) -> list[Candidate]:
        """The candidates that were ``named``; raises ``InvalidInput`` for somebody whose posts here make no step of it."""
        known = {candidate.actor: candidate for candidate in self.candidates(flow)}
        if any(actor not in known for actor in named):
            raise InvalidInput(
                "所选承办人在本单位没有办理该业务的岗位",
                "a handler holds no post here that makes a step of this workflow",
                where="handlers",
                mend_zh=f"请从{_titles(flow)}等岗位人员中选择",
                mend_en="name accounts whose posts work on this line",
            )
        return [known[actor] for actor in named]

    def handlers(self, flow: WorkflowDecl, named: Sequence[str]) -> list[str]:
        """The handlers of a new case: who opens it and those ``named``.

        Raises ``InvalidInput`` for somebody whose posts here make no step of the workflow, and where none of all may take
        the case up: nobody else would ever see it.
        """
        scope = current_scope()
        others = [actor for actor in dict.fromkeys(named) if actor != scope.actor]
        begins = scope.may(first_step(flow).permission)
        if others:
            begins = any(found.may_begin for found in self.chosen(flow, others)) or begins
        if not begins:
            step = first_step(flow)
            raise InvalidInput(
                f"此件保密，只有承办人可见；请至少指定一名可以“{step.zh}”的承办人（{_titles(flow)}）",
                f"a confidential case needs a handler who may make the step {step.code}: {', '.join(_able(flow))}",
                where="handlers",
                mend_zh="本单位没有该岗位人员的，请先由本级管理员设岗",
                mend_en="name one; where nobody holds such a post, the tenant's administrator gives it first",
            )
        return [scope.actor, *others]


def _able(flow: WorkflowDecl) -> list[str]:
    """Codes of the roles that may take up a case of ``flow``."""
    plugins, begin = current_scope().plugins | {flow.plugin}, first_step(flow).permission
    return [code for code in sorted(roles()) if begin in permissions_of([code], plugins)]


def _titles(flow: WorkflowDecl) -> str:
    known = roles()
    return "、".join(known[code].zh for code in _able(flow))
