"""The one Keycloak of a test run, and people before its sign-in page."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from keycloak import KeycloakAdmin

from deploy.keycloak.addresses import ADMIN_CLIENT, HOST, REALM, WEB_CLIENT, Addresses
from deploy.keycloak.fetch import ensure_keycloak
from deploy.keycloak.java import KeycloakMissing
from deploy.keycloak.server import KeycloakServer, console_admin
from tests.keycloak.sign_in import Visitor

PASSWORD = "正确的密码-2025"
CALLBACK_PATH = "/oidc/callback"
"""As ``realm.json`` has it."""


def free_port() -> int:
    """A port of the loopback address on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningKeycloak:
    """A server with its realm; ``admin`` may do everything in the realm, `provisioning` what the platform may."""

    server: KeycloakServer
    addresses: Addresses
    admin: KeycloakAdmin

    def provisioning(self) -> KeycloakAdmin:
        """The platform's own service account, as the worker uses it."""
        return KeycloakAdmin(
            server_url=self.addresses.url,
            realm_name=REALM,
            client_id=ADMIN_CLIENT,
            client_secret_key=self.addresses.admin_client_secret,
        )

    def person(self, **more: Any) -> str:
        """A new person with `PASSWORD`, by a name that no other test uses; ``more`` goes into the representation."""
        name = f"staff-{uuid.uuid4().hex[:12]}"
        credentials = [{"type": "password", "value": PASSWORD, "temporary": False}]
        self.admin.create_user({"username": name, "enabled": True, "credentials": credentials, **more})
        return name

    def visitor(self) -> Visitor:
        """A browser without a session, sent by the web."""
        redirect = self.addresses.public_url + CALLBACK_PATH
        return Visitor(self.addresses.realm_url, WEB_CLIENT, self.addresses.client_secret, redirect)

    def restart(self) -> None:
        """Stop, and start again on the same data and port."""
        self.server.stop()
        self.addresses = self.server.start()
        self.admin = _admin_of_realm(self.addresses)


def _admin_of_realm(addresses: Addresses) -> KeycloakAdmin:
    admin = console_admin(addresses)
    admin.change_current_realm(REALM)
    return admin


def require_keycloak() -> Path:
    """Keycloak's programs; where they cannot be had the test is skipped with the reason, and in CI it fails."""
    try:
        return ensure_keycloak()
    except KeycloakMissing as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKeycloak]:
    """One server on a free port for the whole run. Tests share its realm: each makes people and groups of its own."""
    require_keycloak()
    # The web that people are sent back to; nothing listens there unless a test starts it.
    public_url = f"http://{HOST}:{free_port()}"
    server = KeycloakServer(tmp_path_factory.mktemp("keycloak"), public_url=public_url, port=free_port())
    addresses = server.start()
    try:
        yield RunningKeycloak(server, addresses, _admin_of_realm(addresses))
    finally:
        server.stop()
