"""Which tokens are believed, and by which check all others are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.identity.oidc.compact import DEEPEST, LONGEST
from core.identity.oidc.errors import Reason, TokenRefused
from core.identity.oidc.tokens import (
    LOGOUT_EVENT,
    Trust,
    verified_access_token,
    verified_id_token,
    verified_logout_token,
)
from tests.core.issuer import (
    ALGORITHMS,
    CLIENT,
    NOW,
    Clock,
    access_claims,
    b64,
    id_claims,
    jwk,
    keys_of,
    logout_claims,
    serving,
    signed,
    token,
    trust_in,
)

HEADER = {"alg": "RS256", "typ": "JWT", "kid": "RS256-1"}
_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def trust() -> Iterator[Trust]:
    with serving() as issuer:
        yield trust_in(issuer, keys_of(issuer, Clock(0)))


def reason_of(verify: Callable[[], object]) -> Reason:
    with pytest.raises(TokenRefused) as refused:
        verify()
    assert refused.value.status == 401
    return refused.value.reason


def refused_access(text: str, trust: Trust, services: tuple[str, ...] = ()) -> Reason:
    return reason_of(lambda: verified_access_token(text, trust, services=services))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_access_token_says_who_asks(trust: Trust, algorithm: str) -> None:
    got = verified_access_token(token(access_claims(trust.issuer), algorithm), trust)
    assert (got.client, got.acr, got.groups) == (CLIENT, "2", ("/510000/510100/510104/caseworker",))
    assert got.subject.startswith("b0c3")
    assert got.session is not None
    assert got.scopes == {"openid", "profile"}
    assert got.expires_at == datetime.fromtimestamp(NOW + 60, UTC)
    assert got.auth_time == datetime.fromtimestamp(NOW - 30, UTC)


def test_a_service_account_needs_neither_session_nor_sign_in(trust: Trust) -> None:
    bare = access_claims(trust.issuer, azp="payroll", sid=None, auth_time=None, acr=None, groups=None, scope=None)
    got = verified_access_token(token(bare), trust, services=("payroll",))
    assert (got.client, got.session, got.acr, got.auth_time, got.groups) == ("payroll", None, None, None, ())


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt", "AT+JWT", None])
def test_the_header_may_name_an_access_token(trust: Trust, kind: str | None) -> None:
    assert verified_access_token(token(access_claims(trust.issuer), typ=kind), trust)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": "https://elsewhere.example/realms/bangfu"}, Reason.ISSUER),
        ({"iss": None}, Reason.ISSUER),
        ({"iss": ["a list"]}, Reason.ISSUER),
        ({"aud": "account"}, Reason.AUDIENCE),
        ({"aud": [CLIENT]}, Reason.AUDIENCE),
        ({"aud": None}, Reason.AUDIENCE),
        ({"aud": {"bangfu": 1}}, Reason.CLAIM),
        ({"aud": ["bangfu", 1]}, Reason.CLAIM),
        ({"azp": "payroll"}, Reason.CLIENT),
        ({"azp": None}, Reason.CLAIM),
        ({"typ": "ID"}, Reason.TYPE),
        ({"typ": "Refresh"}, Reason.TYPE),
        ({"typ": "Offline"}, Reason.TYPE),
        ({"typ": "Logout"}, Reason.TYPE),
        ({"typ": "DPoP"}, Reason.TYPE),
        ({"typ": "bearer"}, Reason.TYPE),
        ({"typ": None}, Reason.TYPE),
        ({"cnf": {"jkt": "x"}}, Reason.BOUND),
        ({"sub": None}, Reason.CLAIM),
        ({"sub": ""}, Reason.CLAIM),
        ({"sub": 7}, Reason.CLAIM),
        ({"sub": "a\0b"}, Reason.CLAIM),
        ({"sub": "\ud800"}, Reason.CLAIM),
        ({"sub": "x" * 513}, Reason.CLAIM),
        ({"acr": 2}, Reason.CLAIM),
        ({"groups": "/510000"}, Reason.CLAIM),
        ({"groups": [["/510000"]]}, Reason.CLAIM),
        ({"exp": None}, Reason.CLAIM),
        ({"exp": True}, Reason.CLAIM),
        ({"exp": NOW + 0.5}, Reason.CLAIM),
        ({"exp": str(NOW + 60)}, Reason.CLAIM),
        ({"exp": 10**30}, Reason.CLAIM),
        ({"exp": -1}, Reason.CLAIM),
        ({"iat": None}, Reason.CLAIM),
        ({"nbf": "now"}, Reason.CLAIM),
    ],
)
def test_an_access_token_with_a_wrong_claim_is_refused(trust: Trust, change: dict[str, Any], reason: Reason) -> None:
    assert refused_access(token(access_claims(trust.issuer, **change)), trust) == reason


@pytest.mark.parametrize(
    ("claim", "by", "reason"),
    [
        ("exp", 5, None),
        ("exp", -5, None),
        ("exp", -60, Reason.EXPIRED),
        ("nbf", 5, None),
        ("nbf", -60, None),
        ("nbf", 60, Reason.NOT_YET),
        ("iat", 5, None),
        ("iat", -60, None),
        ("iat", 60, Reason.ISSUED_AHEAD),
    ],
)
@pytest.mark.parametrize("kind", ["access", "id", "logout"])
def test_clocks_may_differ_by_seconds_not_by_a_minute(
    trust: Trust, kind: str, claim: str, by: int, reason: Reason | None
) -> None:
    change = {claim: NOW + by}
    verify: dict[str, Callable[[], object]] = {
        "access": lambda: verified_access_token(token(access_claims(trust.issuer, **change)), trust),
        "id": lambda: verified_id_token(
            token(id_claims(trust.issuer, **change)), trust, nonce="nonce-1", access_token="unused"
        ),
        "logout": lambda: verified_logout_token(token(logout_claims(trust.issuer, **change)), trust),
    }
    if reason is None:
        assert verify[kind]()
    else:
        assert reason_of(verify[kind]) == reason


def test_the_tolerance_ends_at_ten_seconds(trust: Trust) -> None:
    text = token(access_claims(trust.issuer, exp=NOW, iat=NOW - 60))
    assert verified_access_token(text, replace(trust, now=lambda: NOW + 9.9))
    assert refused_access(text, replace(trust, now=lambda: NOW + 10)) == Reason.EXPIRED


def _hs256_with_public_key(claims: dict[str, Any]) -> str:
    text = f"{b64(json.dumps({**HEADER, 'alg': 'HS256'}).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(hmac.digest(json.dumps(jwk('RS256')).encode(), text.encode(), 'sha256'))}"


def _unsigned(claims: dict[str, Any], algorithm: str) -> str:
    return f"{b64(json.dumps({**HEADER, 'alg': algorithm}).encode())}.{b64(json.dumps(claims).encode())}."


FORGED: dict[str, tuple[Callable[[dict[str, Any]], str], Reason]] = {
    "alg none": (lambda c: _unsigned(c, "none"), Reason.ALGORITHM),
    "alg None in other letters": (lambda c: _unsigned(c, "nOnE"), Reason.ALGORITHM),
    "no signature": (lambda c: _unsigned(c, "RS256"), Reason.SIGNATURE),
    "HS256 with the public key": (_hs256_with_public_key, Reason.ALGORITHM),
    "no alg": (lambda c: token(c, alg=None), Reason.ALGORITHM),
    "alg is a list": (lambda c: token(c, alg=["RS256"]), Reason.ALGORITHM),
    "RS512": (lambda c: token(c, alg="RS512"), Reason.ALGORITHM),
    "PS256 by the key for RS256": (lambda c: token(c, "PS256", kid="RS256-1"), Reason.ALGORITHM),
    "alg of another key's kind": (lambda c: token(c, alg="ES256"), Reason.ALGORITHM),
    "no kid": (lambda c: token(c, kid=None), Reason.KEY_ID),
    "empty kid": (lambda c: token(c, kid=""), Reason.KEY_ID),
    "kid is a number": (lambda c: token(c, kid=1), Reason.KEY_ID),
    "unknown kid": (lambda c: token(c, kid="nobody"), Reason.UNKNOWN_KEY),
    "another key under this kid": (lambda c: token(c, number=2, kid="RS256-1"), Reason.SIGNATURE),
    "embedded key": (lambda c: token(c, number=2, kid="RS256-1", jwk=jwk("RS256", 2)), Reason.HEADER),
    "jku": (lambda c: token(c, jku="https://evil.example/keys"), Reason.HEADER),
    "x5u": (lambda c: token(c, x5u="https://evil.example/cert"), Reason.HEADER),
    "x5c": (lambda c: token(c, x5c=["MII"]), Reason.HEADER),
    "crit": (lambda c: token(c, crit=["exp"]), Reason.HEADER),
    "b64": (lambda c: token(c, b64=False), Reason.HEADER),
    "nested token": (lambda c: token(c, cty="JWT"), Reason.HEADER),
    "logout header": (lambda c: token(c, typ="logout+jwt"), Reason.TYPE),
    "typ is a number": (lambda c: token(c, typ=1), Reason.TYPE),
    "too long": (lambda c: token({**c, "pad": "x" * LONGEST}), Reason.TOO_LONG),
    "empty": (lambda _: "", Reason.MALFORMED),
    "two parts": (lambda c: token(c).rpartition(".")[0], Reason.MALFORMED),
    "four parts": (lambda c: f"{token(c)}.x", Reason.MALFORMED),
    "with padding": (lambda c: f"{token(c)}==", Reason.MALFORMED),
    "with a line break": (lambda c: f"{token(c)}\n", Reason.MALFORMED),
    "full-width letter": (lambda c: f"{token(c)[:-1]}Ａ", Reason.MALFORMED),
    "length no bytes have": (lambda _: "YQ.YQ.YQYQY", Reason.MALFORMED),
    "header is no object": (lambda _: b64(b"[]") + ".e30.eA", Reason.MALFORMED),
    "payload is no object": (lambda _: signed(HEADER, b"[]"), Reason.MALFORMED),
    "payload is no JSON": (lambda _: signed(HEADER, b"{"), Reason.MALFORMED),
    "payload is not UTF-8": (lambda _: signed(HEADER, b'{"a":"\xff"}'), Reason.MALFORMED),
    "number without end": (lambda _: signed(HEADER, b'{"exp":' + b"9" * 5000 + b"}"), Reason.MALFORMED),
    "NaN": (lambda _: signed(HEADER, b'{"exp":NaN}'), Reason.MALFORMED),
    "Infinity": (lambda c: signed(HEADER, json.dumps(c | {"exp": float("inf")}).encode()), Reason.MALFORMED),
    "deep list": (lambda _: signed(HEADER, b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}"), Reason.TOO_DEEP),
    "deeper than the parser": (lambda _: signed(HEADER, b'{"a":' + b"[" * 11_000), Reason.TOO_DEEP),
    "claim twice": (lambda c: signed(HEADER, json.dumps(c)[:-1].encode() + b',"sub":"other"}'), Reason.DUPLICATE),
    "inner name twice": (lambda _: signed(HEADER, b'{"a":{"b":1,"b":1}}'), Reason.DUPLICATE),
    "header twice": (lambda _: b64(b'{"alg":"RS256","alg":"none"}') + ".e30.eA", Reason.DUPLICATE),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(trust: Trust, name: str) -> None:
    forge, reason = FORGED[name]
    assert refused_access(forge(access_claims(trust.issuer)), trust) == reason


def test_brackets_in_texts_are_no_nesting(trust: Trust) -> None:
    assert verified_access_token(token(access_claims(trust.issuer, note='\\"' + "[{" * 50)), trust)


def test_an_algorithm_that_is_not_configured_is_refused() -> None:
    with serving() as issuer:
        only = trust_in(issuer, keys_of(issuer, Clock(0), algorithms=("ES256",)))
        assert verified_access_token(token(access_claims(issuer.url), "ES256"), only)
        assert refused_access(token(access_claims(issuer.url), "RS256"), only) == Reason.ALGORITHM


@given(data=st.data())
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_with_one_byte_changed_is_refused(trust: Trust, algorithm: str, data: st.DataObject) -> None:
    text = token(access_claims(trust.issuer), algorithm)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.one_of(st.sampled_from(_BASE64URL), st.integers(0, 255).map(chr)))
    assume(other != text[at])
    with pytest.raises(TokenRefused):
        verified_access_token(text[:at] + other + text[at + 1 :], trust)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_part_has_a_second_spelling(trust: Trust, algorithm: str) -> None:
    """The last letter of a part carries bits that decode to nothing: another letter there would be another token."""
    parts = token(access_claims(trust.issuer), algorithm).split(".")
    for number, part in enumerate(parts):
        for letter in set(_BASE64URL) - {part[-1]}:
            changed = [*parts[:number], part[:-1] + letter, *parts[number + 1 :]]
            with pytest.raises(TokenRefused):
                verified_access_token(".".join(changed), trust)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(access_claims("x"))), value=_JSON)
def test_a_changed_claim_breaks_the_signature(trust: Trust, name: str, value: Any) -> None:
    claims = access_claims(trust.issuer)
    assume(json.dumps(claims[name]) != json.dumps(value))
    header, _, signature = token(claims).split(".")
    payload = b64(json.dumps(claims | {name: value}).encode())
    assert refused_access(f"{header}.{payload}.{signature}", trust) == Reason.SIGNATURE


@given(changes=st.dictionaries(st.sampled_from(sorted({*access_claims("x"), "nbf", "cnf"})), _JSON, min_size=1, max_size=3))
def test_whatever_an_issuer_signs_is_believed_or_refused(trust: Trust, changes: dict[str, Any]) -> None:
    """No other error comes out of the reading of claims."""
    try:
        got = verified_access_token(token({**access_claims(trust.issuer), **changes}, "EdDSA"), trust)
    except TokenRefused:
        return
    assert got.client == CLIENT


@given(text=st.text(max_size=200) | st.from_regex(r"[\w-]{1,60}\.[\w-]{1,60}\.[\w-]{1,60}", fullmatch=True))
def test_no_text_is_a_token(trust: Trust, text: str) -> None:
    with pytest.raises(TokenRefused):
        verified_access_token(text, trust)


def _at_hash(access: str, algorithm: str) -> str:
    digest = (hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256)(access.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_id_token_says_how_someone_signed_in(trust: Trust, algorithm: str) -> None:
    access = token(access_claims(trust.issuer))
    text = token(id_claims(trust.issuer, at_hash=_at_hash(access, algorithm)), algorithm)
    got = verified_id_token(text, trust, nonce="nonce-1", access_token=access)
    assert (got.login, got.display_name, got.acr) == ("li.ming", "李明", "2")
    assert got.auth_time == datetime.fromtimestamp(NOW - 30, UTC)
    assert "li.ming" not in repr(got)
    assert "李明" not in repr(got)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"aud": "other"}, Reason.AUDIENCE),
        ({"aud": [CLIENT, "other"]}, Reason.AUDIENCE),
        ({"azp": "other"}, Reason.CLIENT),
        ({"nonce": "nonce-2"}, Reason.NONCE),
        ({"nonce": None}, Reason.NONCE),
        ({"nonce": 1}, Reason.NONCE),
        ({"at_hash": "AAAA"}, Reason.AT_HASH),
        ({"at_hash": None}, None),
        ({"typ": "Bearer"}, Reason.TYPE),
        ({"typ": "Logout"}, Reason.TYPE),
    ],
)
def test_an_id_token_belongs_to_this_sign_in(trust: Trust, change: dict[str, Any], reason: Reason | None) -> None:
    text = token(id_claims(trust.issuer, **change))
    if reason is None:
        assert verified_id_token(text, trust, nonce="nonce-1", access_token="a.b.c")
    else:
        assert reason_of(lambda: verified_id_token(text, trust, nonce="nonce-1", access_token="a.b.c")) == reason


def test_a_refreshed_id_token_may_lack_the_nonce_but_not_have_another(trust: Trust) -> None:
    def refreshed(**change: Any) -> object:
        return verified_id_token(
            token(id_claims(trust.issuer, **change)), trust, nonce="nonce-1", access_token="a", refreshed=True
        )

    assert refreshed(nonce=None)
    assert refreshed()
    assert reason_of(lambda: refreshed(nonce="nonce-2")) == Reason.NONCE


def test_a_logout_token_says_which_session_ended(trust: Trust) -> None:
    got = verified_logout_token(token(logout_claims(trust.issuer), typ="logout+jwt"), trust)
    assert got.session is not None
    assert got.token_id == "onrtac:6f1c6a4e"
    assert verified_logout_token(token(logout_claims(trust.issuer, sid=None)), trust).session is None
    assert verified_logout_token(token(logout_claims(trust.issuer, sub=None)), trust).subject is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"aud": "other"}, Reason.AUDIENCE),
        ({"events": None}, Reason.EVENTS),
        ({"events": {}}, Reason.EVENTS),
        ({"events": {LOGOUT_EVENT: True}}, Reason.EVENTS),
        ({"events": [LOGOUT_EVENT]}, Reason.EVENTS),
        ({"nonce": "nonce-1"}, Reason.NONCE),
        ({"sub": None, "sid": None}, Reason.CLAIM),
        ({"jti": None}, Reason.CLAIM),
        ({"exp": None}, Reason.CLAIM),
        ({"typ": "ID"}, Reason.TYPE),
    ],
)
def test_what_is_no_notice_of_logout_is_refused(trust: Trust, change: dict[str, Any], reason: Reason) -> None:
    assert reason_of(lambda: verified_logout_token(token(logout_claims(trust.issuer, **change)), trust)) == reason


def test_no_kind_of_token_passes_for_another(trust: Trust) -> None:
    access, identity = access_claims(trust.issuer), id_claims(trust.issuer, aud=["bangfu", CLIENT])
    logout = logout_claims(trust.issuer)
    for claims in (identity, logout):
        assert refused_access(token(claims), trust) == Reason.TYPE
    for claims in (access, logout):
        as_identity = partial(verified_id_token, token(claims), trust, nonce="n", access_token="a")
        assert reason_of(as_identity) == Reason.TYPE
    for claims in (access, identity):
        assert reason_of(partial(verified_logout_token, token(claims), trust)) == Reason.TYPE


@pytest.mark.parametrize("change", [{"sub": None}, {"aud": "account"}, {"exp": NOW - 60}])
def test_a_refusal_repeats_nothing_of_the_token(trust: Trust, change: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    good = token(access_claims(trust.issuer, **change))
    for text in (good, good[:-9] + "AAAAAAAA" + good[-1]):
        with pytest.raises(TokenRefused) as refused:
            verified_access_token(text, trust)
        told = f"{refused.value} {refused.value!r} {caplog.text}"
        assert not any(part in told for part in (*text.split("."), "b0c3d8e2", "3d9b1f7a"))
        assert refused.value.__cause__ is None
        assert refused.value.where is not None
        assert refused.value.where.startswith("access_token")
        assert refused.value.mend_zh
        assert refused.value.mend_en
