"""Slowing down whoever guesses passwords (登录限速).

Counted per account and address, so that an attacker elsewhere locks nobody out, and per address, so that one machine cannot
try many accounts. Counts live in Valkey, shared by all processes; while it cannot be reached, each process counts for itself.
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


def _keys(login: str, address: str) -> tuple[str, str]:
    """Keys that hold neither the login name nor the address."""
    whose = sha256(f"{login.strip().lower()}\n{address}".encode()).hexdigest()
    return whose, sha256(address.encode()).hexdigest()


def _tried(limiter: FixedWindowRateLimiter, login: str, address: str) -> bool:
    whose, where = _keys(login, address)
    by_address = limiter.hit(PER_ADDRESS, "sign-in-address", where)
    return limiter.hit(PER_ACCOUNT, "sign-in", whose) and by_address


def count_try(login: str, address: str) -> None:
    """Count one try to sign in; raises ``TooMany`` where there were too many."""
    try:
        allowed = _tried(_shared(), login, address)
    except redis.RedisError as error:
        log.warning("sign-in tries are counted by this process alone: %s", type(error).__name__)
        allowed = _tried(_alone(), login, address)
    if not allowed:
        raise TooMany(
            "登录尝试过于频繁，请 5 分钟后再试",
            "too many tries to sign in from here; wait five minutes",
            mend_zh="忘记密码请联系本级管理员；在其他电脑上仍可登录",
            mend_en="ask the tenant's administrator for a new password; signing in elsewhere still works",
        )


def forget_tries(login: str, address: str) -> None:
    """Begin anew for an account and address after a success."""
    whose, _ = _keys(login, address)
    try:
        _shared().clear(PER_ACCOUNT, "sign-in", whose)
    except redis.RedisError as error:
        log.warning("counted tries stay until they run out: %s", type(error).__name__)
    _alone().clear(PER_ACCOUNT, "sign-in", whose)
