"""What a browser was sent to the provider for. The browser itself keeps it, sealed, until it comes back (OpenID Connect
Core 3.1.2; RFC 7636; RFC 9700 2.1, 4.7)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass, field

from core.identity.oidc.sealing import sealed, unsealed
from core.vault.errors import SealBroken

ERRAND_S = 1800
"""Seconds that a person may take before the provider's forms; the realm gives as long."""
_USE = "errand"


@dataclass(frozen=True, slots=True)
class Errand:
    """One way to the provider and back.

    ``state`` ties the answer to this browser, ``nonce`` the ID token to this question, ``verifier`` the code to both.
    ``wanted`` is the path to go on to. ``session`` (the hash, as hexadecimal digits) is the one that is to be raised, where
    the errand is a step up.
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    wanted: str
    sent_at: int
    session: str | None = None

    @property
    def challenge(self) -> str:
        """The verifier as the provider is told it (S256)."""
        return _b64(hashlib.sha256(self.verifier.encode()).digest())


def new_errand(wanted: str, *, session: bytes | None = None) -> Errand:
    """An errand of random numbers that sends the person on to the path ``wanted`` afterwards."""
    return Errand(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        wanted=wanted,
        sent_at=int(time.time()),
        session=session.hex() if session is not None else None,
    )


def packed(errand: Errand) -> str:
    """The errand as the browser keeps it: unreadable, and of use with its own state alone."""
    return _b64(sealed(_USE, json.dumps(asdict(errand)), errand.state.encode()))


def unpacked(kept: str, state: str) -> Errand | None:
    """The errand that the browser kept, where it is the one of ``state`` and not older than ``ERRAND_S``."""
    if not state:
        return None
    try:
        blob = base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4))
        errand = Errand(**json.loads(unsealed(_USE, blob, state.encode())))
    except (SealBroken, binascii.Error, ValueError, TypeError):
        # A TypeError: of another version of the platform, before an update.
        return None
    return errand if time.time() - errand.sent_at <= ERRAND_S else None


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
