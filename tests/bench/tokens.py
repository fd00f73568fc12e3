"""How many access tokens are verified in a second on one core: form, key at hand, signature, claims."""

from __future__ import annotations

import time

from core.identity.oidc.tokens import verified_access_token
from tests.core.issuer import ALGORITHMS, Clock, access_claims, keys_of, serving, token, trust_in

SECONDS = 1.0


def measure() -> list[tuple[str, str]]:
    """(what, figure) rows, by processor time: the figure is that of a core that does nothing else."""
    figures: list[tuple[str, str]] = []
    with serving() as issuer:
        trust = trust_in(issuer, keys_of(issuer, Clock(0)))
        for algorithm in ALGORITHMS:
            text = token(access_claims(issuer.url), algorithm)
            verified_access_token(text, trust)
            count, started = 0, time.process_time()
            while time.process_time() - started < SECONDS:
                verified_access_token(text, trust)
                count += 1
            per_second = count / (time.process_time() - started)
            figures.append((f"access tokens verified per second, {algorithm}", f"{per_second:,.0f}"))
    return figures
