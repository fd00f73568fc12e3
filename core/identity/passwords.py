"""Passwords of local accounts: argon2id by argon2-cffi, with its recommended costs.

Before hashing they are brought to one form (NFKC, NIST 800-63B 3.1.1.2), so that a password typed with another input method
or in full-width letters is still the same.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def normalised(password: str) -> str:
    """The one form in which a password is measured and hashed."""
    return unicodedata.normalize("NFKC", password)


def hashed(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher.hash(normalised(password))


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` belongs to ``stored``. Takes as long for an account that does not exist."""
    try:
        _hasher.verify(stored or _nobody(), normalised(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def outdated(stored: str) -> bool:
    """Whether a hash was made at other costs than today's, and is to be made anew at the next sign-in."""
    return _hasher.check_needs_rehash(stored)
