"""Which Keycloak ``bangfu up`` has people sign in at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import Misconfigured
from deploy.embedded.private import private_folder
from deploy.keycloak import addresses as known
from deploy.keycloak.addresses import Addresses, remember_identity
from deploy.keycloak.beside import keycloak_beside
from deploy.keycloak.people import _credential

RUNNING = Addresses("http://127.0.0.1:8180", "http://127.0.0.1:8000", "s1", "s2", "s3")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home beside which a Keycloak answers."""
    monkeypatch.setattr(known, "answers", lambda _: True)
    remember_identity(tmp_path, RUNNING)
    secrets = private_folder(private_folder(tmp_path / "keycloak") / "secrets")
    (secrets / known.CONSOLE_USER).write_text("s3", encoding="utf-8")
    (secrets / known.CONSOLE_USER).chmod(0o600)
    return tmp_path


def test_without_one_sign_in_is_by_local_accounts(tmp_path: Path) -> None:
    assert keycloak_beside(tmp_path, RUNNING.public_url) is None


def test_the_one_that_runs_beside_is_taken(home: Path) -> None:
    assert keycloak_beside(home, RUNNING.public_url) == RUNNING


def test_one_that_sends_people_elsewhere_is_refused_with_the_mend(home: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        keycloak_beside(home, "http://127.0.0.1:8010")
    assert refused.value.mend_en is not None
    assert 'ARGS="--web http://127.0.0.1:8010"' in refused.value.mend_en


def test_a_password_is_handed_over_hashed() -> None:
    made = _credential("样例的密码-2025")
    assert "样例" not in json.dumps(made, ensure_ascii=False)
    assert json.loads(made["credentialData"])["algorithm"] == "argon2"
    assert made["secretData"] != _credential("样例的密码-2025")["secretData"]
