"""Keyed tokens: equality of sensitive values without the values (HMAC-SHA256, 32 bytes).

Two families with keys of their own: the identity index is the same in every tenant, so that a household on file twice
is found; a tenant token means something inside its tenant only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from core.errors import InvalidInput
from core.text.normalise import squash
from core.vault.key_file import InstallationKey


class TokenKind(StrEnum):
    """What a token stands for: 身份证号, 电话, 银行账号, 尾号四位."""

    IDENTITY = "identity"
    PHONE = "phone"
    ACCOUNT = "account"
    LAST4 = "last4"


_FORMS: Final[dict[TokenKind, tuple[re.Pattern[str], str, str]]] = {
    TokenKind.IDENTITY: (re.compile(r"[0-9]{17}[0-9X]"), "身份证号", "identity number"),
    TokenKind.PHONE: (re.compile(r"[0-9]{5,15}"), "电话号码", "phone number"),
    TokenKind.ACCOUNT: (re.compile(r"[0-9]{8,32}"), "银行账号", "bank account"),
    TokenKind.LAST4: (re.compile(r"[0-9]{3}[0-9X]"), "尾号四位", "last four"),
}
_MOBILE: Final = re.compile(r"1[0-9]{10}")
_SEPARATORS: Final = str.maketrans("", "", "-\u2010\u2011\u2012\u2013\u2014\u2212()")
_COUNTRY: Final = re.compile(r"^(?:\+|00)86")
_COUNTRY_BEFORE_MOBILE: Final = re.compile(r"86(?=1[0-9]{10}$)")


def normalised(kind: TokenKind, value: str) -> str:
    """The one spelling of a value that tokens are made of: half-width, no separators, no country code, capital X.

    Raises InvalidInput, which does not repeat the value, when it is none of its kind.
    """
    form, zh, en = _FORMS[kind]
    if (_MOBILE if kind is TokenKind.PHONE else form).fullmatch(value):
        return value  # as nearly every one is, and an import asks for hundreds of thousands
    plain = squash(value).translate(_SEPARATORS).upper()
    if kind is TokenKind.PHONE:
        plain = _COUNTRY_BEFORE_MOBILE.sub("", _COUNTRY.sub("", plain, count=1) if plain[:1] in "+0" else plain)
    if not form.fullmatch(plain):
        raise InvalidInput(f"{zh}格式不正确", f"not a valid {en}")
    return plain


class Tokens:
    """Makes the tokens of one installation."""

    def __init__(self, installation: InstallationKey) -> None:
        # Each key is set up once and copied for each token: that is most of the cost of one, and an import makes many.
        self._index = HMAC(installation.derive("vault/identity-index"), SHA256())
        self._tenants = {kind: HMAC(installation.derive(f"vault/tenant-token/{kind}"), SHA256()) for kind in TokenKind}

    def identity_index_hash(self, number: str) -> bytes:
        """The identity index's hash (身份索引) of an identity number, equal in all tenants. Raises InvalidInput."""
        return _digest(self._index, normalised(TokenKind.IDENTITY, number))

    def tenant_token(self, tenant: str, kind: TokenKind, value: str) -> bytes:
        """The token of a value inside one tenant. Raises InvalidInput."""
        return _digest(self._tenants[kind], f"{tenant}/{normalised(kind, value)}")

    def identity_index_hashes(self, numbers: Sequence[str]) -> list[bytes]:
        """``identity_index_hash`` of many numbers."""
        return [_digest(self._index, normalised(TokenKind.IDENTITY, number)) for number in numbers]

    def tenant_tokens(self, tenant: str, kind: TokenKind, values: Sequence[str]) -> list[bytes]:
        """``tenant_token`` of many values."""
        keyed = self._tenants[kind].copy()
        keyed.update(f"{tenant}/".encode())
        return [_digest(keyed, normalised(kind, value)) for value in values]

    def __repr__(self) -> str:
        return "Tokens(****)"


def _digest(keyed: HMAC, text: str) -> bytes:
    mac = keyed.copy()
    mac.update(text.encode())
    return mac.finalize()
