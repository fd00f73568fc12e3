"""Slowing down whoever guesses passwords (登录限速), without locking anybody out of his own account.

A browser in which the account has signed in before is counted by itself (``core.web.known_browsers``): no stranger uses its
tries up. All others are counted per account and address, per address, so that one machine cannot try many accounts, and per
account over all addresses, so that many machines cannot try one. Counts live in Valkey, shared by all processes; while it
cannot be reached, each process counts for itself.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from hashlib import sha256

import redis
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from core.errors import TooMany
from core.settings import settings

log = logging.getLogger("bangfu.web")

PER_ACCOUNT: RateLimitItem = parse("6/5minutes")
PER_ADDRESS: RateLimitItem = parse("120/10minutes")
EVERYWHERE: RateLimitItem = parse("30/hour")
"""All unknown browsers together: at most 720 tries a day, where NIST 800-63B asks for a bound on consecutive failures."""

ON_RECORD: RateLimitItem = parse("1/5minutes")
"""How often it is put on record that the tries of one account from one address were too many."""

Bucket = tuple[RateLimitItem, str, str]


@lru_cache(maxsize=1)
def _alone() -> FixedWindowRateLimiter:
    return FixedWindowRateLimiter(MemoryStorage())


@lru_cache(maxsize=1)
def _shared() -> FixedWindowRateLimiter:
    url = settings().valkey_url
    if not url:
        return _alone()
    pool = redis.ConnectionPool.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    storage: Storage = RedisStorage("redis://", connection_pool=pool, key_prefix="bangfu:throttle")
    return FixedWindowRateLimiter(storage)


def _key(*parts: str) -> str:
    """A key that holds neither the login name nor the address."""
    return sha256("\n".join(parts).encode()).hexdigest()


def _of_account(login: str, address: str, known: str | None) -> list[Bucket]:
    """The counts of an account that end with a success."""
    name = login.strip().lower()
    if known is not None:
        return [(PER_ACCOUNT, "sign-in-browser", _key(name, known))]
    return [(PER_ACCOUNT, "sign-in", _key(name, address)), (EVERYWHERE, "sign-in-everywhere", _key(name))]


def _of_try(login: str, address: str, known: str | None) -> list[Bucket]:
    whose = _of_account(login, address, known)
    return whose if known is not None else [(PER_ADDRESS, "sign-in-address", _key(address)), *whose]


def _full(limiter: FixedWindowRateLimiter, buckets: list[Bucket]) -> str | None:
    """Count in the buckets until one is full: its name. What is refused by one is not counted in those behind it."""
    return next((name for item, name, key in buckets if not limiter.hit(item, name, key)), None)


def count_try(login: str, address: str, known: str | None = None) -> None:
    """Count one try to sign in; raises ``TooMany`` where there were too many. ``known`` is the number of a browser in which
    the account has signed in before."""
    buckets = _of_try(login, address, known)
    try:
        full = _full(_shared(), buckets)
    except redis.RedisError as error:
        log.warning("sign-in tries are counted by this process alone: %s", type(error).__name__)
        full = _full(_alone(), buckets)
    if full == "sign-in-everywhere":
        raise TooMany(
            "该账号近一小时内在多处被尝试登录，暂不接受陌生浏览器登录",
            "this account is being tried from many places; browsers that it has not used yet must wait",
            mend_zh="请在以前登录过的电脑上登录，或一小时后再试",
            mend_en="sign in on a computer that you have used before, or wait an hour",
        )
    if full is not None:
        raise TooMany(
            "登录尝试过于频繁，请 5 分钟后再试",
            "too many tries to sign in from here; wait five minutes",
            mend_zh="忘记密码请联系本级管理员；在其他电脑上仍可登录",
            mend_en="ask the tenant's administrator for a new password; signing in elsewhere still works",
        )


def is_news(login: str, address: str) -> bool:
    """Whether it has not been put on record in the last minutes that these tries were too many; from now on it has."""
    bucket: list[Bucket] = [(ON_RECORD, "sign-in-record", _key(login.strip().lower(), address))]
    try:
        return _full(_shared(), bucket) is None
    except redis.RedisError:
        return _full(_alone(), bucket) is None


def forget_tries(login: str, address: str, known: str | None = None) -> None:
    """Begin anew for an account and address, or a known browser, after a success."""
    for item, name, key in _of_account(login, address, known):
        try:
            _shared().clear(item, name, key)
        except redis.RedisError as error:
            log.warning("counted tries stay until they run out: %s", type(error).__name__)
        _alone().clear(item, name, key)
