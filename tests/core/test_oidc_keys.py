"""The issuer's keys: rotated live, asked for once by all threads, kept while the issuer is away. No test waits for a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from core.errors import Misconfigured
from core.identity.oidc.endpoints import Issuer
from core.identity.oidc.errors import IssuerUnavailable, Reason, TokenRefused
from core.identity.oidc.fetched import PAUSE, Fetched
from core.identity.oidc.keys import FRESH_FOR, SUPPORTED, SigningKeys, usable
from core.identity.oidc.tokens import Trust, verified_access_token
from tests.core.issuer import ALGORITHMS, Clock, TestIssuer, access_claims, b64, jwk, keys_of, serving, token, trust_in

THREADS = 50
Work = Callable[[], None]


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    with serving() as served:
        served.publish(jwk("RS256"))
        yield served


@pytest.fixture
def clock() -> Clock:
    return Clock(1000)


@pytest.fixture
def pending() -> list[Work]:
    """Renewals that were to run in the background; a test runs them when it likes."""
    return []


@pytest.fixture
def trust(issuer: TestIssuer, clock: Clock, pending: list[Work]) -> Trust:
    return trust_in(issuer, keys_of(issuer, clock, pending.append))


def believed(trust: Trust, number: int) -> bool:
    """Whether a token by the ``number``-th key is believed; any refusal but for its key is an error."""
    try:
        verified_access_token(token(access_claims(trust.issuer), number=number), trust)
    except TokenRefused as refused:
        if refused.reason != Reason.UNKNOWN_KEY:
            raise
        return False
    return True


def test_keys_are_fetched_once_and_kept(issuer: TestIssuer, trust: Trust) -> None:
    assert all(believed(trust, 1) for _ in range(5))
    assert issuer.fetches == 1


def test_rotation_goes_without_an_error(issuer: TestIssuer, trust: Trust, clock: Clock) -> None:
    assert believed(trust, 1)
    issuer.publish(jwk("RS256"), jwk("RS256", 2))
    clock.at += PAUSE
    assert believed(trust, 2)
    assert believed(trust, 1)
    assert issuer.fetches == 2


def test_a_key_that_was_removed_is_refused_after_the_refresh(
    issuer: TestIssuer, trust: Trust, clock: Clock, pending: list[Work]
) -> None:
    assert believed(trust, 1)
    issuer.publish(jwk("RS256", 2))
    clock.at += FRESH_FOR
    assert believed(trust, 1), "the request that notices the age is answered from what is held"
    assert len(pending) == 1
    pending.pop()()
    assert not believed(trust, 1)
    assert believed(trust, 2)
    assert issuer.fetches == 2


def test_an_unknown_key_asks_at_most_once_in_ten_seconds(issuer: TestIssuer, trust: Trust, clock: Clock) -> None:
    assert believed(trust, 1)
    for seconds, fetches in ((0, 1), (9.9, 1), (10, 2), (19.9, 2), (20, 3)):
        clock.at = 1000 + seconds
        for _ in range(3):
            assert not believed(trust, 9)
        assert issuer.fetches == fetches


@pytest.mark.parametrize("published", [True, False])
def test_fifty_threads_with_an_unknown_key_ask_once(issuer: TestIssuer, trust: Trust, clock: Clock, published: bool) -> None:
    assert believed(trust, 1)
    if published:
        issuer.publish(jwk("RS256"), jwk("RS256", 2))
    clock.at += PAUSE
    issuer.gate.clear()
    together = threading.Barrier(THREADS + 1)

    def ask(_: int) -> bool:
        together.wait(30)
        return believed(trust, 2)

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [pool.submit(ask, number) for number in range(THREADS)]
        together.wait(30)
        issuer.gate.set()
        assert [answer.result(30) for answer in answers] == [published] * THREADS
    assert issuer.fetches == 2


def test_fifty_threads_at_a_cold_start_ask_once(issuer: TestIssuer, trust: Trust) -> None:
    together = threading.Barrier(THREADS)

    def ask(_: int) -> bool:
        together.wait(30)
        return believed(trust, 1)

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(ask, range(THREADS)))
    assert set(issuer.asked.values()) == {1}


def test_a_known_key_never_waits_for_the_network(issuer: TestIssuer, trust: Trust, clock: Clock, pending: list[Work]) -> None:
    assert believed(trust, 1)
    clock.at += FRESH_FOR + PAUSE
    issuer.reached.clear()
    issuer.gate.clear()
    assert believed(trust, 1)
    with ThreadPoolExecutor(2) as pool:
        renewal = pool.submit(pending.pop())
        assert issuer.reached.wait(30)
        stranger = pool.submit(believed, trust, 9)
        assert believed(trust, 1), "answered while the issuer keeps another thread waiting"
        assert not pending, "a renewal under way is not started twice"
        assert not renewal.done()
        issuer.gate.set()
        assert stranger.result(30) is False
    assert issuer.asked["/keys"] == 2


def test_a_failing_fetch_keeps_the_former_keys(issuer: TestIssuer, trust: Trust, clock: Clock, pending: list[Work]) -> None:
    assert believed(trust, 1)
    issuer.documents["/keys"] = None
    clock.at += FRESH_FOR
    assert believed(trust, 1)
    pending.pop()()
    assert believed(trust, 1)
    with pytest.raises(IssuerUnavailable) as away:
        believed(trust, 2)
    assert away.value.status == 503
    assert issuer.fetches == 2, "a failed fetch rests as well"
    issuer.publish(jwk("RS256"), jwk("RS256", 2))
    clock.at += PAUSE
    believed(trust, 1)
    pending.pop()()
    assert believed(trust, 2)


def test_an_issuer_that_was_away_at_the_start_is_asked_again(issuer: TestIssuer, trust: Trust, clock: Clock) -> None:
    issuer.documents["/keys"] = None
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            believed(trust, 1)
    assert issuer.fetches == 1
    issuer.publish(jwk("RS256"))
    clock.at += PAUSE
    assert believed(trust, 1)


@pytest.mark.parametrize(
    "document", [{"keys": {}}, {}, b"[]", b"<html>", b'{"keys":[],"keys":[]}', b"[" * 9, b'{"keys":[' + b" " * 300_000 + b"]}"]
)
def test_an_answer_that_is_no_list_of_keys_is_a_failure(issuer: TestIssuer, trust: Trust, document: Any) -> None:
    issuer.documents["/keys"] = document
    with pytest.raises(IssuerUnavailable):
        believed(trust, 1)


def test_withdrawing_all_keys_is_believed(
    issuer: TestIssuer, trust: Trust, clock: Clock, pending: list[Work], caplog: pytest.LogCaptureFixture
) -> None:
    assert believed(trust, 1)
    issuer.publish(jwk("RS256", use="enc"))
    clock.at += FRESH_FOR
    believed(trust, 1)
    pending.pop()()
    assert not believed(trust, 1)
    assert "none of the issuer's 1 keys" in caplog.text


def test_renewal_runs_in_a_thread_of_its_own(issuer: TestIssuer, clock: Clock) -> None:
    keys = keys_of(issuer, clock)
    assert keys.key("RS256-1") is not None
    issuer.publish(jwk("RS256", 2))
    clock.at += FRESH_FOR
    issuer.gate.clear()
    assert keys.key("RS256-1") is not None
    (renewal,) = [thread for thread in threading.enumerate() if thread.name == "oidc-renewal"]
    issuer.gate.set()
    renewal.join(30)
    assert keys.key("RS256-1") is None


def test_a_renewal_that_cannot_start_leaves_the_way_free(clock: Clock) -> None:
    def no_thread(_: Work) -> None:
        raise RuntimeError("no thread can be started")

    values = iter("ab")
    value = Fetched(lambda: next(values), fresh_for=100, monotonic=clock, background=no_thread)
    assert value.that(lambda _: True) == "a"
    clock.at += 100
    with pytest.raises(RuntimeError, match="no thread"):
        value.at_hand()
    with pytest.raises(RuntimeError, match="no thread"):
        value.at_hand()


def test_who_comes_late_to_a_renewal_leaves_the_way_free(pending: list[Work]) -> None:
    """Between the look at the age and the lock, another thread has renewed: the second look finds a young value."""
    values, times = iter("ab"), [0.0]
    value = Fetched(
        lambda: next(values), fresh_for=100, monotonic=lambda: times.pop() if times[1:] else times[0], background=pending.append
    )
    assert value.that(lambda _: True) == "a"
    times[:] = [0, 100, 100]
    assert value.at_hand() == "a"
    assert not pending
    times[:] = [100]
    assert value.at_hand() == "a"
    pending.pop()()
    assert value.at_hand() == "b"


def _short_rsa() -> dict[str, Any]:
    modulus = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
    return {**jwk("RS256"), "n": b64(modulus.to_bytes(128, "big"))}


def _other_curve() -> dict[str, Any]:
    point = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    return {**jwk("ES256"), "crv": "P-384", "x": b64(point.x.to_bytes(48, "big")), "y": b64(point.y.to_bytes(48, "big"))}


def test_keys_of_every_accepted_algorithm_are_taken() -> None:
    taken = usable([jwk(algorithm) for algorithm in ALGORITHMS], SUPPORTED)
    assert {key_id: set(key.algorithms) for key_id, key in taken.items()} == {f"{a}-1": {a} for a in ALGORITHMS}
    unnamed = {name: value for name, value in jwk("RS256").items() if name != "alg"}
    assert usable([unnamed], SUPPORTED)["RS256-1"].algorithms == {"RS256", "PS256"}
    assert usable([unnamed], frozenset({"PS256"}))["RS256-1"].algorithms == {"PS256"}
    private = usable([jwk("EdDSA", d="AAAA")], SUPPORTED)["EdDSA-1"].public
    assert not private.has_private


@pytest.mark.parametrize(
    "key",
    [
        jwk("RS256", use="enc"),
        jwk("RS256", use=None),
        jwk("RS256", kid=None),
        jwk("RS256", kid=""),
        jwk("RS256", kid=["a"]),
        jwk("RS256", alg="RSA-OAEP"),
        jwk("RS256", alg="RS512"),
        jwk("RS256", alg="HS256"),
        jwk("RS256", alg="none"),
        jwk("RS256", alg=None),
        jwk("RS256", alg=[]),
        jwk("RS256", n=None),
        jwk("RS256", n="not base64 at all"),
        jwk("RS256", n="Ag"),
        jwk("RS256", kty="oct", k="AAAA"),
        jwk("RS256", kty=["RSA"]),
        jwk("RS256", kty="EC"),
        jwk("ES256", x=b64(bytes(32))),
        jwk("ES256", crv="secp256k1"),
        jwk("EdDSA", crv="X25519"),
        jwk("EdDSA", x="AAAA"),
        _short_rsa(),
        _other_curve(),
        "a text",
        None,
    ],
)
def test_a_strange_key_is_left_out_and_the_others_stay(key: Any) -> None:
    assert set(usable([key, jwk("RS256", 2)], SUPPORTED)) == {"RS256-2"}


def test_two_keys_under_one_id_are_both_left_out() -> None:
    assert set(usable([jwk("RS256"), {**jwk("RS256", 2), "kid": "RS256-1"}, jwk("ES256")], SUPPORTED)) == {"ES256-1"}


@pytest.mark.parametrize("algorithms", [(), ("none",), ("HS256", "RS256"), ("RS1",)])
def test_only_supported_algorithms_can_be_configured(algorithms: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured):
        SigningKeys(Issuer("https://id.example/realms/bangfu"), algorithms=algorithms)
