"""Whether a Keycloak runs beside the platform on a home, and with which settings the web then signs people in there."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.embedded.private import private_folder, write_private
from deploy.keycloak.server import Addresses, answers


def _note(home: Path) -> Path:
    return private_folder(home.resolve() / "secrets") / "identity.json"


def remember_identity(home: Path, addresses: Addresses) -> None:
    """Write down (0600) that sign-in on ``home`` goes through the Keycloak at ``addresses``."""
    write_private(_note(home), json.dumps(dict(addresses.environment)))


def forget_identity(home: Path) -> None:
    """Sign-in on ``home`` is by local accounts again. Idempotent."""
    _note(home).unlink(missing_ok=True)


def identity_environment(home: Path) -> dict[str, str]:
    """Settings (``BANGFU_IDENTITY``, ``BANGFU_KEYCLOAK_*``) to start the web and the worker of ``home`` with.

    Empty, which means local accounts, where no Keycloak was started on ``home`` or the one that was no longer answers.
    """
    try:
        found: dict[str, str] = json.loads(_note(home).read_text(encoding="utf-8"))
        realm = f"{found['BANGFU_KEYCLOAK_URL']}/realms/{found['BANGFU_KEYCLOAK_REALM']}"
    except (OSError, ValueError, KeyError):
        return {}
    return found if answers(realm) else {}
