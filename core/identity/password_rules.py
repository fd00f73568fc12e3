"""Which passwords are taken (密码规则): those of NIST 800-63B 3.1.1.2, MLPS 2.0 level 3 where it asks for more.

Length, and nothing that is guessed first: no rule says which kinds of characters there must be. How soon a password is guessed
is told by zxcvbn, from the 30,000 most frequent ones of known breaches, common words and names, keyboard rows, repeats,
sequences and dates; nothing leaves the machine.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from core.errors import InvalidInput
from core.identity.passwords import normalised
from core.text.pinyin import name_pinyin

LONGEST: Final = 128
PRODUCT_WORDS: Final = ("bangfu", "帮扶", "困难职工", "援助中心")
# As many as eight characters drawn at random need by the same measure, so that those always pass.
_FEWEST_GUESSES: Final = 10**8
_MEASURED: Final = 72
_PATTERNS: Final = frozenset({"repeat", "sequence", "spatial"})
_WORD: Final = re.compile(r"[0-9a-z]+")

Rule = Literal["too_short", "too_long", "personal", "common", "repeats", "guessable"]
_BETTER_ZH: Final = "可用几个互不相关的词连成一句，汉字、空格都可以，不必夹杂符号"
_BETTER_EN: Final = (
    "take a few words that have nothing to do with each other; spaces and Chinese are welcome, symbols not needed"
)


class WeakPassword(InvalidInput):
    """The password breaks ``rule``."""

    code = "weak_password"
    rule: Rule = "guessable"


def _weak(rule: Rule, zh: str, en: str) -> WeakPassword:
    error = WeakPassword(zh, en, where="password", mend_zh=_BETTER_ZH, mend_en=_BETTER_EN)
    error.rule = rule
    return error


def _compact(text: str) -> str:
    return "".join(character for character in normalised(text).casefold() if character.isalnum())


def _tells(word: str) -> bool:
    """Whether a word is long enough to be recognised in a password: four letters or digits, two Chinese characters."""
    return len(word) >= (4 if word.isascii() else 2)


def _own_words(login: str, name: str) -> list[str]:
    login_parts = _WORD.findall(login.casefold())
    candidates = [
        _compact(login),
        *(part for part in login_parts if not part.isdigit()),
        _compact(name),
        name_pinyin(name).full,
    ]
    return [word for word in candidates if _tells(word)]


def check_password(password: str, *, login: str, name: str, shortest: int) -> None:
    """Raise ``WeakPassword`` where ``password`` may not become the one of the account ``login`` of the person ``name``."""
    typed = normalised(password)
    if len(typed) < shortest:
        raise _weak(
            "too_short",
            f"密码太短：至少 {shortest} 个字符，现为 {len(typed)} 个",
            f"a password has at least {shortest} characters",
        )
    if len(typed) > LONGEST:
        raise _weak("too_long", f"密码太长：最多 {LONGEST} 个字符", f"a password has at most {LONGEST} characters")
    compact = _compact(typed)
    if any(word in compact for word in _own_words(login, name)):
        raise _weak("personal", "密码中不能含有登录名或本人姓名（含拼音）", "the password holds the login or the person's name")
    if any(word in compact for word in PRODUCT_WORDS):
        raise _weak("personal", "密码中不能含有本系统或单位的名称", "the password holds the name of this system or office")
    _check_guesses(typed)


def _check_guesses(typed: str) -> None:
    # imported late: its lists take 12 MB, and most processes never look at a new password
    from zxcvbn import zxcvbn

    measured = zxcvbn(typed[:_MEASURED])
    if measured["guesses"] >= _FEWEST_GUESSES:
        return
    parts = measured["sequence"]
    if len(parts) == 1 and parts[0]["pattern"] == "dictionary":
        raise _weak("common", "该密码是常见密码或已在泄露的密码中出现过", "the password is among the common or breached ones")
    if any(part["pattern"] in _PATTERNS for part in parts):
        raise _weak(
            "repeats",
            "密码由重复、连续的字符或相邻的按键组成，容易被猜到",
            "repeats, sequences or neighbouring keys make it easy to guess",
        )
    raise _weak("guessable", "密码由常见的词、姓名或日期拼成，容易被猜到", "common words, names or dates make it easy to guess")
