"""The issuer's addresses: its own discovery document, nobody else's, over https."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import Misconfigured
from core.identity.oidc.endpoints import FRESH_FOR, Issuer
from core.identity.oidc.errors import IssuerUnavailable
from core.identity.oidc.fetched import PAUSE
from core.protected import is_protected
from tests.core.issuer import Clock, TestIssuer, serving

WELL_KNOWN = "/realms/bangfu/.well-known/openid-configuration"
ABROAD = "http://id.example/keys"


@pytest.fixture
def served() -> Iterator[TestIssuer]:
    with serving() as issuer:
        yield issuer


@pytest.fixture
def clock() -> Clock:
    return Clock(0)


def test_the_addresses_are_read_once(served: TestIssuer, clock: Clock) -> None:
    issuer = Issuer(served.url, monotonic=clock)
    found = issuer.endpoints()
    assert found.keys == f"{served.address}/keys"
    assert found.token == f"{served.url}/protocol/openid-connect/token"
    assert found.end_session == f"{served.url}/protocol/openid-connect/logout"
    assert found.introspection is None
    assert issuer.endpoints() is found
    assert served.asked[WELL_KNOWN] == 1


def test_new_addresses_are_taken_over_in_the_background(served: TestIssuer, clock: Clock) -> None:
    pending: list[Callable[[], None]] = []
    issuer = Issuer(served.url, monotonic=clock, background=pending.append)
    former = issuer.endpoints()
    served.describe(jwks_uri=f"{served.address}/new")
    clock.at += FRESH_FOR
    assert issuer.endpoints() is former
    pending.pop()()
    assert issuer.endpoints().keys == f"{served.address}/new"


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://elsewhere.example/realms/bangfu"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": ABROAD},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": ABROAD},
        {"authorization_endpoint": ["https://id.example"]},
        {"end_session_endpoint": ABROAD},
        {"introspection_endpoint": "//id.example"},
    ],
)
def test_a_document_that_leads_elsewhere_is_not_used(served: TestIssuer, clock: Clock, change: dict[str, object]) -> None:
    served.describe(**change)
    with pytest.raises(IssuerUnavailable) as refused:
        Issuer(served.url, monotonic=clock).endpoints()
    assert refused.value.where == f"{served.address}{WELL_KNOWN}"
    assert refused.value.mend_zh


def test_the_issuer_is_compared_exactly(served: TestIssuer, clock: Clock) -> None:
    with pytest.raises(IssuerUnavailable, match="another name"):
        Issuer(f"{served.url}/", monotonic=clock).endpoints()


def test_an_issuer_that_is_away_is_not_asked_by_everyone(served: TestIssuer, clock: Clock) -> None:
    served.documents[WELL_KNOWN] = None
    issuer = Issuer(served.url, monotonic=clock)
    for _ in range(3):
        with pytest.raises(IssuerUnavailable, match="503"):
            issuer.endpoints()
    assert served.asked[WELL_KNOWN] == 1
    served.describe()
    clock.at += PAUSE
    assert issuer.endpoints()


def test_nobody_listening_is_told_with_the_address(clock: Clock) -> None:
    with socket.socket() as taken:
        # Bound, not listening: nobody else can answer there meanwhile.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/realms/bangfu"
        with pytest.raises(IssuerUnavailable, match="ConnectError") as away:
            Issuer(url, monotonic=clock).endpoints()
    assert (away.value.where or "").startswith(url)


def test_a_missing_file_of_authorities_is_told(served: TestIssuer, clock: Clock, tmp_path: Path) -> None:
    with pytest.raises(IssuerUnavailable, match="FileNotFoundError"):
        Issuer(served.url, ca_file=tmp_path / "none.pem", monotonic=clock).endpoints()


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://id.example/realms/bangfu", True),
        ("http://localhost:8080/realms/bangfu", True),
        ("http://127.0.0.9/realms/bangfu", True),
        ("http://[::1]:8080/realms/bangfu", True),
        ("http://id.example/realms/bangfu", False),
        ("http://127.0.0.1.id.example/", False),
        ("http://localhost.id.example/", False),
        ("https://user@id.example/", False),
        ("https://id.example/#a", False),
        ("http://[::1/", False),
        ("https:///realms", False),
        ("id.example", False),
        ("", False),
    ],
)
def test_addresses_are_https_or_of_this_machine(address: str, good: bool) -> None:
    assert is_protected(address) is good
    if not good:
        with pytest.raises(Misconfigured):
            Issuer(address)


def test_an_issuer_has_no_query() -> None:
    with pytest.raises(Misconfigured):
        Issuer("https://id.example/?realm=bangfu")
