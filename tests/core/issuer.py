"""An issuer of tokens for tests: keys made here, tokens signed by ``cryptography`` itself (not by the library under test), and
a real HTTP server on the loopback that publishes addresses and keys and counts who asks."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from core.identity.oidc.endpoints import Issuer
from core.identity.oidc.fetched import in_a_thread
from core.identity.oidc.keys import SigningKeys
from core.identity.oidc.tokens import LOGOUT_EVENT, Trust

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
CLIENT, AUDIENCE = "bangfu-web", "bangfu"
NOW = 1_790_000_000
"""The instant at which all tests take place, in seconds of Unix time."""

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@lru_cache
def private(algorithm: str, number: int = 1) -> Private:
    """The ``number``-th key for an algorithm; the same one in all tests, since RSA keys take long to make."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def jwk(algorithm: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """A key as the issuer publishes it, under the id ``<algorithm>-<number>``."""
    key = private(algorithm, number)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        members = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        members = {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}
    else:
        members = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    return {"kid": f"{algorithm}-{number}", "use": "sig", "alg": algorithm, **members, **more}


def signature(algorithm: str, key: Private, signed: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return key.sign(signed, pss if algorithm == "PS256" else padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return key.sign(signed)


def signed(header: Mapping[str, Any], payload: bytes, algorithm: str = "RS256", number: int = 1) -> str:
    """A token of any header and any payload, signed whatever they say."""
    text = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    return f"{text}.{b64(signature(algorithm, private(algorithm, number), text.encode()))}"


def token(claims: Mapping[str, Any], algorithm: str = "RS256", number: int = 1, **header: Any) -> str:
    """A token as Keycloak makes it. A header that is None is left out."""
    head = {"alg": algorithm, "typ": "JWT", "kid": f"{algorithm}-{number}", **header}
    return signed({k: v for k, v in head.items() if v is not None}, json.dumps(claims).encode(), algorithm, number)


def access_claims(issuer: str, **more: Any) -> dict[str, Any]:
    """What Keycloak 26 writes into an access token, with ``more``; a claim that is None is left out."""
    return _without_none(
        {
            "exp": NOW + 60,
            "iat": NOW,
            "auth_time": NOW - 30,
            "jti": "onrtac:6f1c6a4e",
            "iss": issuer,
            "aud": [AUDIENCE, "account"],
            "sub": "b0c3d8e2-5a1f-4d7e-9a52-3f0b6a1c2d3e",
            "typ": "Bearer",
            "azp": CLIENT,
            "sid": "3d9b1f7a-8c24-4f0e-b8a1-6c5d4e3f2a1b",
            "acr": "2",
            "realm_access": {"roles": ["offline_access"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "scope": "openid profile",
            "groups": ["/510000/510100/510104/caseworker"],
        }
        | more
    )


def id_claims(issuer: str, **more: Any) -> dict[str, Any]:
    """What Keycloak 26 writes into an ID token."""
    of_id = {"aud": CLIENT, "typ": "ID", "nonce": "nonce-1", "preferred_username": "li.ming", "name": "李明"}
    dropped = dict.fromkeys(("scope", "realm_access", "resource_access"))
    return _without_none(access_claims(issuer) | of_id | dropped | more)


def logout_claims(issuer: str, **more: Any) -> dict[str, Any]:
    """What Keycloak 26 writes into a logout token."""
    taken = {name: access_claims(issuer)[name] for name in ("iat", "jti", "iss", "sub", "sid")}
    return _without_none(
        taken | {"exp": NOW + 120, "aud": CLIENT, "typ": "Logout", "events": {LOGOUT_EVENT: {}}} | more,
    )


def _without_none(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not None}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


class TestIssuer:
    """The server. ``documents`` maps a path to what it answers (None: 503; bytes as they are); ``asked`` counts by path.
    Answers wait while ``gate`` is shut; ``reached`` is set when one arrives."""

    __test__ = False

    def __init__(self, address: str) -> None:
        self.address = address
        self.url = f"{address}/realms/bangfu"
        self.asked: Counter[str] = Counter()
        self.gate, self.reached = threading.Event(), threading.Event()
        self.gate.set()
        self.documents: dict[str, Any] = {}
        self.describe()
        self.publish(*(jwk(algorithm) for algorithm in ALGORITHMS))

    def describe(self, **more: Any) -> None:
        """Publish the discovery document with ``more``."""
        base = f"{self.url}/protocol/openid-connect"
        self.documents["/realms/bangfu/.well-known/openid-configuration"] = {
            "issuer": self.url,
            "authorization_endpoint": f"{base}/auth",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{self.address}/keys",
            "end_session_endpoint": f"{base}/logout",
        } | more

    def publish(self, *keys: Any) -> None:
        """Publish these keys."""
        self.documents["/keys"] = {"keys": list(keys)}

    @property
    def fetches(self) -> int:
        """How often the keys were asked for."""
        return self.asked["/keys"]

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked[path] += 1
        self.reached.set()
        self.gate.wait(30)
        document = self.documents.get(path)
        if document is None:
            return 503, b"{}"
        return 200, document if isinstance(document, bytes) else json.dumps(document).encode()

    def granted(self, path: str, fields: Mapping[str, str]) -> tuple[int, bytes]:  # noqa: ARG002  a realm looks at them
        """The answer to a form."""
        self.asked[path] += 1
        return 503, b"{}"


Kind = TypeVar("Kind", bound=TestIssuer)


def serving() -> AbstractContextManager[TestIssuer]:
    """A running issuer on a free port."""
    return running(TestIssuer)


@contextmanager
def running(kind: Callable[[str], Kind]) -> Iterator[Kind]:
    """An issuer of some kind on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(*issuer.answer(self.path))

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.say(*issuer.granted(self.path, dict(parse_qsl(form))))

        def say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests count."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = kind(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            issuer.gate.set()
            server.shutdown()
            thread.join()


def keys_of(
    issuer: TestIssuer,
    monotonic: Clock,
    background: Callable[[Callable[[], None]], None] = in_a_thread,
    algorithms: tuple[str, ...] = ALGORITHMS,
) -> SigningKeys:
    """The keys of ``issuer`` by the clock ``monotonic``."""
    server = Issuer(issuer.url, monotonic=monotonic, background=background)
    return SigningKeys(server, algorithms=algorithms, monotonic=monotonic, background=background)


def trust_in(issuer: TestIssuer, keys: SigningKeys, now: Callable[[], float] = lambda: NOW) -> Trust:
    return Trust(issuer.url, CLIENT, AUDIENCE, keys, now)
