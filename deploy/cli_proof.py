"""A fresh proof of the person at the command line (再次验证): what pages ask for before such an act, asked in the terminal."""

from __future__ import annotations

import typer

from core.errors import Forbidden, InvalidInput
from core.identity.changes import kept_elsewhere
from core.identity.local import proves_himself
from core.web.throttle import count_try, forget_tries

_HERE = "command line"


class NoProofHere(Forbidden):
    """The person cannot be proven at a command line."""

    code = "no_proof_here"


def ask_for_proof(login: str, page_zh: str, path: str) -> None:
    """Have the person type the password of ``login``, and the code where the account has a second factor.

    ``page_zh`` and ``path`` name the page on which the act is done as well. Raises ``NoProofHere`` where people sign in at an
    identity provider, which alone can prove them, ``InvalidInput`` where what is typed is wrong, ``TooMany`` after many tries.
    Nothing of it is shown or kept.
    """
    if kept_elsewhere():
        raise NoProofHere(
            "本安装经统一身份认证登录，命令行无法当场验证本人，此事项请在网页上办理",
            "people sign in at an identity provider here: a command line cannot prove who sits there",
            where="--as",
            mend_zh=f"网页：{page_zh}（{path}）",
            mend_en=f"do it on the page {path}",
        )
    counted = f"again/{login}"
    count_try(counted, "", _HERE)
    password = typer.prompt("密码 · password", hide_input=True)
    if not proves_himself(login, password, lambda: typer.prompt("验证码 · code", hide_input=True)):
        raise InvalidInput(
            "密码或验证码不正确，或该账号须先在网页上更改初始密码",
            "password or code is wrong, or the first password has to be changed on the page first",
            where="--as",
        )
    forget_tries(counted, "", _HERE)
