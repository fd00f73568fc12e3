"""What an account owes before anything else: a password of its own, and a second factor where its posts need one."""

from __future__ import annotations

from collections.abc import Set

from fastapi import Request

from core.identity.second_factor import roles_that_need_it
from core.identity.sessions import SECOND_FACTOR, SignedIn
from core.web.errors import LedElsewhere

PASSWORD_PAGE = "/account/password"  # noqa: S105  an address, no password
SECOND_FACTOR_PAGE = "/account/second-factor"
# Where one that owes something may still go: what it owes, and away.
_OPEN = frozenset({PASSWORD_PAGE, "/sign-out"})


class PasswordChangeNeeded(LedElsewhere):
    """The password is a first or a reset one, which somebody else has seen (首次登录改密)."""

    code = "password_change_required"


class SecondFactorNeeded(LedElsewhere):
    """The account holds a post that needs a second factor, and has set up none."""

    code = "second_factor_required"


def owe_nothing(request: Request, signed_in: SignedIn, roles: Set[str] = frozenset()) -> None:
    """Let the request pass where the account owes nothing. ``roles`` are those that it acts with here.

    Raises ``PasswordChangeNeeded`` and ``SecondFactorNeeded``, each with the page where that is done.
    """
    if signed_in.must_change_password and request.url.path not in _OPEN:
        raise PasswordChangeNeeded(
            "请先修改初始密码",
            "the password was given by somebody else: change it first",
            PASSWORD_PAGE,
            mend_zh="登录网页后按提示修改",
            mend_en="sign in on the pages, which lead to it",
        )
    if not signed_in.has_password or signed_in.assurance >= SECOND_FACTOR or signed_in.has_second_factor:
        return
    if roles & roles_that_need_it():
        raise SecondFactorNeeded(
            "您的岗位须先设置第二重验证",
            "this post needs a second factor: set one up first",
            SECOND_FACTOR_PAGE,
            mend_zh="请在“我的账号”中设置",
            mend_en="set it up under your account",
        )
