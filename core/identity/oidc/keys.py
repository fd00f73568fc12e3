"""The issuer's signing keys (JWKS, RFC 7517), kept per process and renewed live when the issuer rotates them."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from core.errors import Misconfigured
from core.identity.oidc.endpoints import Issuer
from core.identity.oidc.errors import IssuerUnavailable
from core.identity.oidc.fetched import Fetched, in_a_thread

SUPPORTED = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
"""Algorithms that an installation may accept: asymmetric ones only, so that no key that verifies can also sign."""

FRESH_FOR = 300.0
"""Seconds after which the keys are read anew, in the background: so long at most lives a key that was withdrawn, while the
issuer answers."""

SMALLEST_RSA = 2048
"""Bits (RFC 7518 3.3)."""

# What describes a public key of each kind. Other members are not carried over, least of all private ones.
_PUBLIC = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
# By curve where the kind has curves.
_OF_KIND = {
    "RSA": frozenset({"RS256", "PS256"}),
    "P-256": frozenset({"ES256"}),
    "Ed25519": frozenset({"EdDSA"}),
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the accepted algorithms that it may be used with: one where the issuer names it."""

    public: JWK
    algorithms: frozenset[str]


class SigningKeys:
    """The keys that the issuer publishes at present.

    A key that is held is answered at once, whatever the network does. An unknown key id asks the issuer, at most once in
    ten seconds over all threads; the others wait for that one answer. A failing fetch keeps the former keys.
    Raises ``Misconfigured`` where ``algorithms`` is empty or names one that is not supported.
    """

    def __init__(
        self,
        issuer: Issuer,
        *,
        algorithms: Iterable[str] = ("RS256",),
        monotonic: Callable[[], float] = time.monotonic,
        background: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        self.algorithms = frozenset(algorithms)
        if not self.algorithms or self.algorithms - SUPPORTED:
            listed = ", ".join(sorted(SUPPORTED))
            raise Misconfigured(
                "令牌签名算法设置不被支持",
                "an algorithm for tokens is not supported",
                where=", ".join(sorted(self.algorithms - SUPPORTED)) or None,
                mend_zh=f"可用：{listed}",
                mend_en=f"there are: {listed}",
            )
        self._issuer = issuer
        self._keys = Fetched(self._fetched, fresh_for=FRESH_FOR, monotonic=monotonic, background=background)

    def key(self, key_id: str) -> SigningKey | None:
        """The key called ``key_id``, or None where the issuer does not publish it (or was asked within ten seconds, and did
        not then). Raises ``IssuerUnavailable`` where the key is not held and the issuer does not answer."""
        return self._keys.that(lambda keys: key_id in keys).get(key_id)

    def _fetched(self) -> Mapping[str, SigningKey]:
        address = self._issuer.endpoints().keys
        listed = self._issuer.published(address).get("keys")
        if not isinstance(listed, list):
            raise IssuerUnavailable("认证服务器未公布签名密钥", "the issuer publishes no list of keys", where=address)
        keys = usable(listed, self.algorithms)
        if not keys:
            # Taken as it is: keeping the former ones would go on believing what was withdrawn.
            log.error("none of the issuer's %d keys at %s is for an accepted algorithm", len(listed), address)
        return keys


def usable(listed: Iterable[Any], algorithms: frozenset[str]) -> Mapping[str, SigningKey]:
    """By key id, the keys that are for signatures (``use`` is sig) of an accepted algorithm. What is not, is malformed, too
    short, or shares its id with another is left out: one strange key must not shut out the others."""
    candidates = [key for key in listed if _is_for_signatures(key)]
    times = Counter(key["kid"] for key in candidates)
    found: dict[str, SigningKey] = {}
    for key in candidates:
        made = _signing_key(key, algorithms) if times[key["kid"]] == 1 else None
        if made is not None:
            found[key["kid"]] = made
    return MappingProxyType(found)


def _is_for_signatures(key: Any) -> bool:
    return isinstance(key, dict) and key.get("use") == "sig" and isinstance(key.get("kid"), str) and key["kid"] != ""


def _signing_key(key: dict[str, Any], accepted: frozenset[str]) -> SigningKey | None:
    kind = str(key.get("kty"))
    members = _PUBLIC.get(kind, ())
    if not members or not all(isinstance(key.get(member), str) for member in members):
        return None
    algorithms = _OF_KIND.get(key["crv"] if "crv" in members else kind, frozenset()) & accepted
    if "alg" in key:
        algorithms &= {key["alg"]} if isinstance(key["alg"], str) else frozenset()
    if not algorithms:
        return None
    try:
        public = JWK(**{member: key[member] for member in members})
        # Made now, not at the first token: a point off the curve or an even modulus shows here.
        handle = public.get_op_key("verify")
    except (JWException, ValueError):
        return None
    if kind == "RSA" and handle.key_size < SMALLEST_RSA:
        return None
    return SigningKey(public, algorithms)
