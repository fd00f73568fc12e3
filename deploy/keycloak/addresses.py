"""What a running Keycloak is known by, and the note by which the web of the same home learns of it.

Light to import: the launcher asks on each start.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from deploy.embedded.private import private_folder, write_private

HOST = "127.0.0.1"
CONSOLE_USER = "bangfu-admin"
REALM = "bangfu"
WEB_CLIENT = "bangfu-web"
ADMIN_CLIENT = "bangfu-provisioning"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A proxy that the environment names knows nothing of this machine's loopback address."""


@dataclass(frozen=True)
class Addresses:
    """Where a running Keycloak is and how the platform is known to it."""

    url: str
    public_url: str
    """The web's own address, to which Keycloak sends people back."""
    client_secret: str = field(repr=False)
    admin_client_secret: str = field(repr=False)
    console_password: str = field(repr=False)
    """Of ``CONSOLE_USER`` in the realm ``master``: the administrators' console, and the tests."""

    @property
    def realm_url(self) -> str:
        """The realm's address, which is the issuer of its tokens."""
        return f"{self.url}/realms/{REALM}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that make the web sign people in here, and the worker provision here."""
        return {
            "BANGFU_IDENTITY": "keycloak",
            "BANGFU_PUBLIC_URL": self.public_url,
            "BANGFU_KEYCLOAK_URL": self.url,
            "BANGFU_KEYCLOAK_REALM": REALM,
            "BANGFU_KEYCLOAK_CLIENT_ID": WEB_CLIENT,
            "BANGFU_KEYCLOAK_CLIENT_SECRET": self.client_secret,
            "BANGFU_KEYCLOAK_ADMIN_CLIENT_ID": ADMIN_CLIENT,
            "BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET": self.admin_client_secret,
        }


def answers(realm_url: str) -> bool:
    """Whether a realm is served at ``realm_url``."""
    try:
        with _DIRECT.open(f"{realm_url}/.well-known/openid-configuration", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


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
