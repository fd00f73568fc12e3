"""What stands between the two steps of signing in: that the password was right, for five minutes and one session.

The browser keeps it, signed; the server keeps nothing before there is a session. What it says is no secret to the person who
has just typed the password.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastapi import Request, Response

from core.identity.local import Proof
from core.web import cookies
from core.web.security import same, signature

LASTS_S: Final = 300


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A kept proof: for which login, under which number, until when."""

    proof: Proof
    login: str
    number: str
    until: datetime


def keep_first_step(response: Response, proof: Proof, login: str, at: datetime) -> None:
    """Give the browser the proof of the first step."""
    told = {
        "account": str(proof.account_id),
        "fingerprint": proof.fingerprint,
        "login": login,
        "number": f"sign-in/{secrets.token_urlsafe(18)}",
        "until": int(at.timestamp()) + LASTS_S,
    }
    text = base64.urlsafe_b64encode(json.dumps(told).encode()).decode()
    cookies.set_cookie(response, cookies.PROOF, f"{text}.{signature('first-step', text)}", max_age=LASTS_S)


def first_step_of(request: Request, at: datetime) -> FirstStep | None:
    """The proof that the browser kept; None where it has none, or one that is too old or not of this server."""
    text, _, signed = (cookies.cookie_of(request, cookies.PROOF) or "").partition(".")
    if not same(signature("first-step", text), signed):
        return None
    try:
        told = json.loads(base64.urlsafe_b64decode(text))
    except (binascii.Error, ValueError):
        return None
    until = datetime.fromtimestamp(told["until"], UTC)
    proof = Proof(uuid.UUID(told["account"]), told["fingerprint"], needs_code=True)
    return FirstStep(proof, told["login"], told["number"], until) if at < until else None
