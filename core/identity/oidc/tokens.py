"""Verification of the issuer's tokens: access, ID and logout tokens (issue 5; ASVS 9.1, 9.2; RFC 8725).

The functions answer what callers need to know and nothing else: the text of a token and the rest of its claims are not
kept. Every refusal is a ``TokenRefused`` with its ``reason``; ``IssuerUnavailable`` comes instead where the token's key is
not held and the issuer does not answer.

How Keycloak 26 tells its kinds of token apart: the claim ``typ`` is Bearer, ID, Logout, Refresh, Offline or DPoP; the
header's ``typ`` is JWT, but logout+jwt for logout tokens (since 26; JWT before) and at+jwt for access tokens of clients
that ask for RFC 9068. The claim decides, and the header must not contradict it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jws import JWS

from core.identity.oidc.claims import Claims
from core.identity.oidc.compact import NotReadable, envelope_of, json_object
from core.identity.oidc.errors import Reason, TokenRefused
from core.identity.oidc.keys import SigningKeys

TOLERANCE = 10
"""Seconds by which the issuer's clock and ours may differ (NTP keeps servers well within)."""

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

# OpenID Connect Core 3.1.3.6: the hash that the signature uses itself; Ed25519 uses SHA-512 (RFC 8032 5.1).
_HASH_OF = {"RS256": "sha256", "PS256": "sha256", "ES256": "sha256", "EdDSA": "sha512"}


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens are believed, and meant for whom.

    ``issuer`` is compared exactly. ``client`` is the client id under which the web application signs people in;
    ``audience`` is what access tokens must be meant for (an audience mapper of the realm adds it). ``now`` gives seconds of
    Unix time.
    """

    issuer: str
    client: str
    audience: str
    keys: SigningKeys
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class AccessToken:
    """On whose behalf a request is made. ``session`` is None for a service account, ``acr`` and ``auth_time`` where the
    issuer does not say how and when the person signed in: no ground for step-up then. Instants are UTC."""

    subject: str
    session: str | None
    client: str
    acr: str | None
    auth_time: datetime | None
    groups: tuple[str, ...]
    scopes: frozenset[str]
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IdToken:
    """Who signed in, how (``acr``) and when (``auth_time``). Names do not print: a repr may end in a log."""

    subject: str
    session: str | None
    client: str
    acr: str | None
    auth_time: datetime | None
    groups: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    login: str | None = field(repr=False)
    display_name: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Which session ended at the issuer, or all of ``subject``'s where ``session`` is None. Whether ``token_id`` was seen
    before is the caller's to know; until ``expires_at`` plus the tolerance it must be remembered."""

    subject: str | None
    session: str | None
    token_id: str
    issued_at: datetime
    expires_at: datetime


def verified_access_token(token: str, trust: Trust, *, services: Collection[str] = ()) -> AccessToken:
    """The access token of the web client, or of one of the clients ``services`` (service accounts of other systems).

    A token that is bound to a key of its sender (DPoP, RFC 9449; mutual TLS, RFC 8705) is refused: taken without proof of
    that key it would be what the binding prevents.
    """
    claims, _ = _verified(token, trust, "access_token", "Bearer", ("", "jwt", "at+jwt"))
    if trust.audience not in claims.audience():
        raise claims.refusal(Reason.AUDIENCE, "aud")
    client = claims.text("azp")
    if client != trust.client and client not in services:
        raise claims.refusal(Reason.CLIENT, "azp")
    if "cnf" in claims:
        raise claims.refusal(Reason.BOUND, "cnf")
    scope = claims.raw("scope")
    return AccessToken(
        subject=claims.text("sub"),
        session=claims.optional_text("sid"),
        client=client,
        acr=claims.optional_text("acr"),
        auth_time=claims.optional_instant("auth_time"),
        groups=claims.texts("groups"),
        scopes=frozenset(scope.split()) if isinstance(scope, str) else frozenset(),
        issued_at=claims.instant("iat"),
        expires_at=claims.instant("exp"),
    )


def verified_id_token(token: str, trust: Trust, *, nonce: str, access_token: str, refreshed: bool = False) -> IdToken:
    """The ID token that came beside ``access_token`` (OpenID Connect Core 3.1.3.7).

    ``nonce`` is the one sent when the person was sent to sign in. Where the token is ``refreshed`` it may be missing, but
    not be another (12.2); that subject and session are still the same is then for the caller to compare.
    """
    claims, algorithm = _verified(token, trust, "id_token", "ID", ("", "jwt"))
    # No further audience is trusted (3.1.3.7, 3): one that could present this token here is none of ours.
    if claims.audience() != (trust.client,):
        raise claims.refusal(Reason.AUDIENCE, "aud")
    if "azp" in claims and claims.text("azp") != trust.client:
        raise claims.refusal(Reason.CLIENT, "azp")
    if not (refreshed and "nonce" not in claims) and not _same(claims.raw("nonce"), nonce):
        raise claims.refusal(Reason.NONCE, "nonce")
    if "at_hash" in claims and not _same(claims.raw("at_hash"), _half_hash(access_token, algorithm)):
        raise claims.refusal(Reason.AT_HASH, "at_hash")
    return IdToken(
        subject=claims.text("sub"),
        session=claims.optional_text("sid"),
        client=trust.client,
        acr=claims.optional_text("acr"),
        auth_time=claims.optional_instant("auth_time"),
        groups=claims.texts("groups"),
        issued_at=claims.instant("iat"),
        expires_at=claims.instant("exp"),
        login=claims.optional_text("preferred_username"),
        display_name=claims.optional_text("name"),
    )


def verified_logout_token(token: str, trust: Trust) -> LogoutToken:
    """The token of a back-channel logout (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6). It has no nonce, so that an
    ID token can never be taken for one."""
    claims, _ = _verified(token, trust, "logout_token", "Logout", ("", "jwt", "logout+jwt"))
    if claims.audience() != (trust.client,):
        raise claims.refusal(Reason.AUDIENCE, "aud")
    events = claims.raw("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise claims.refusal(Reason.EVENTS, "events")
    if "nonce" in claims:
        raise claims.refusal(Reason.NONCE, "nonce")
    subject, session = claims.optional_text("sub"), claims.optional_text("sid")
    if subject is None and session is None:
        raise claims.refusal(Reason.CLAIM, "sub")
    return LogoutToken(subject, session, claims.text("jti"), claims.instant("iat"), claims.instant("exp"))


def _verified(token: str, trust: Trust, kind: str, type_claim: str, header_types: tuple[str, ...]) -> tuple[Claims, str]:
    """What holds for every kind: form, algorithm, key, signature, type, issuer, time; the claims and the algorithm."""
    try:
        envelope = envelope_of(token)
    except NotReadable as error:
        raise TokenRefused(error.reason, kind) from None
    if envelope.algorithm not in trust.keys.algorithms:
        raise TokenRefused(Reason.ALGORITHM, f"{kind}.alg")
    if envelope.type not in header_types:
        raise TokenRefused(Reason.TYPE, f"{kind}.typ")
    key = trust.keys.key(envelope.key_id)
    if key is None:
        raise TokenRefused(Reason.UNKNOWN_KEY, f"{kind}.kid")
    if envelope.algorithm not in key.algorithms:
        raise TokenRefused(Reason.ALGORITHM, f"{kind}.alg")
    try:
        signed = JWS()
        signed.allowed_algs = [envelope.algorithm]
        signed.deserialize(token, key.public, envelope.algorithm)
    except JWException:
        # From None: the library's messages may quote the token.
        raise TokenRefused(Reason.SIGNATURE, kind) from None
    try:
        claims = Claims(json_object(signed.payload), kind)
    except NotReadable as error:
        raise TokenRefused(error.reason, kind) from None
    if claims.raw("typ") != type_claim:
        raise claims.refusal(Reason.TYPE, "typ")
    if claims.raw("iss") != trust.issuer:
        raise claims.refusal(Reason.ISSUER, "iss")
    _check_times(claims, trust.now())
    return claims, envelope.algorithm


def _check_times(claims: Claims, now: float) -> None:
    if now >= claims.seconds("exp") + TOLERANCE:
        raise claims.refusal(Reason.EXPIRED, "exp")
    if "nbf" in claims and now < claims.seconds("nbf") - TOLERANCE:
        raise claims.refusal(Reason.NOT_YET, "nbf")
    if now < claims.seconds("iat") - TOLERANCE:
        raise claims.refusal(Reason.ISSUED_AHEAD, "iat")


def _half_hash(text: str, algorithm: str) -> str:
    digest = hashlib.new(_HASH_OF[algorithm], text.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")


def _same(claimed: Any, expected: str) -> bool:
    return isinstance(claimed, str) and hmac.compare_digest(claimed.encode("utf-8", "replace"), expected.encode("utf-8"))
