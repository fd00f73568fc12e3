"""How one Keycloak runs beside the platform: where it listens, who may see its data, and how the web learns of it."""

from __future__ import annotations

import stat
from pathlib import Path

import psutil
import pytest

from core.errors import BangfuError
from deploy.embedded.checks import HomeInUse, PortTaken
from deploy.keycloak.addresses import (
    ADMIN_CLIENT,
    REALM,
    WEB_CLIENT,
    Addresses,
    forget_identity,
    identity_environment,
    remember_identity,
)
from deploy.keycloak.realm import RealmValues, ensure_realm, realm_of
from deploy.keycloak.server import KeycloakServer, console_admin
from tests.keycloak.running import RunningKeycloak, free_port

NOWHERE = Addresses(f"http://127.0.0.1:{free_port()}", "http://127.0.0.1:8000", "s1", "s2", "s3")


def test_values_stand_where_the_file_names_them() -> None:
    realm = realm_of(RealmValues("https://bangfu.example", 'a"b', "c"))
    web, provisioning = realm["clients"]
    assert web["redirectUris"] == ["https://bangfu.example/oidc/callback"]
    assert web["secret"] == 'a"b'
    assert provisioning["secret"] == "c"
    assert "BANGFU_" not in str(realm)


def test_the_web_is_told_only_of_a_keycloak_that_answers(tmp_path: Path) -> None:
    assert identity_environment(tmp_path) == {}
    remember_identity(tmp_path, NOWHERE)
    assert stat.S_IMODE((tmp_path / "secrets" / "identity.json").stat().st_mode) == 0o600
    assert identity_environment(tmp_path) == {}
    forget_identity(tmp_path)
    forget_identity(tmp_path)
    assert not (tmp_path / "secrets" / "identity.json").exists()


def test_secrets_do_not_show_in_print() -> None:
    assert "s1" not in repr(NOWHERE)
    assert "s3" not in repr(NOWHERE)


@pytest.mark.keycloak
def test_the_web_gets_all_it_needs(keycloak: RunningKeycloak, tmp_path: Path) -> None:
    remember_identity(tmp_path, keycloak.addresses)
    assert identity_environment(tmp_path) == {
        "BANGFU_IDENTITY": "keycloak",
        "BANGFU_PUBLIC_URL": keycloak.addresses.public_url,
        "BANGFU_KEYCLOAK_URL": keycloak.addresses.url,
        "BANGFU_KEYCLOAK_REALM": REALM,
        "BANGFU_KEYCLOAK_CLIENT_ID": WEB_CLIENT,
        "BANGFU_KEYCLOAK_CLIENT_SECRET": keycloak.addresses.client_secret,
        "BANGFU_KEYCLOAK_ADMIN_CLIENT_ID": ADMIN_CLIENT,
        "BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET": keycloak.addresses.admin_client_secret,
    }


@pytest.mark.keycloak
def test_the_launchers_child_is_java_itself_and_listens_on_loopback_alone(keycloak: RunningKeycloak) -> None:
    """So that the kernel ends the server, not a shell in front of it, when the launcher is killed."""
    assert keycloak.server.child is not None
    process = psutil.Process(keycloak.server.child.pid)
    assert process.name() == "java"
    assert process.children() == []
    listening = [found.laddr.ip for found in process.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


@pytest.mark.keycloak
def test_its_folder_is_private(keycloak: RunningKeycloak) -> None:
    folder = keycloak.server.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in (WEB_CLIENT, ADMIN_CLIENT):
        assert stat.S_IMODE((folder / "secrets" / name).stat().st_mode) == 0o600
    for found in (folder / "server" / "data").rglob("*"):
        assert not stat.S_IMODE(found.stat().st_mode) & 0o077, found


@pytest.mark.keycloak
def test_one_server_per_home_and_port(keycloak: RunningKeycloak, tmp_path: Path) -> None:
    public = keycloak.addresses.public_url
    port = int(keycloak.addresses.url.rsplit(":", 1)[1])
    for home, expected in ((keycloak.server.home, HomeInUse), (tmp_path, PortTaken)):
        with pytest.raises(BangfuError) as refused:
            KeycloakServer(home, public_url=public, port=port).start()
        assert isinstance(refused.value, expected)
    assert keycloak.server.child is not None
    assert keycloak.server.child.exit_code() is None


@pytest.mark.keycloak
def test_a_web_that_moved_is_sent_back_to_where_it_is_now(keycloak: RunningKeycloak) -> None:
    admin, kept = console_admin(keycloak.addresses), keycloak.addresses
    web = keycloak.admin.get_client_id(WEB_CLIENT) or ""
    try:
        ensure_realm(admin, RealmValues("http://127.0.0.1:9", "renewed", kept.admin_client_secret))
        moved = keycloak.admin.get_client(web)
    finally:
        ensure_realm(admin, RealmValues(kept.public_url, kept.client_secret, kept.admin_client_secret))
    assert moved["redirectUris"] == ["http://127.0.0.1:9/oidc/callback"]
    assert moved["attributes"]["backchannel.logout.url"] == "http://127.0.0.1:9/oidc/back-channel-logout"
    assert moved["attributes"]["pkce.code.challenge.method"] == "S256"
    assert moved["secret"] == "renewed"
    assert {mapper["name"] for mapper in moved["protocolMappers"]} == {"audience bangfu-web", "username", "groups"}
    back = keycloak.admin.get_client(web)
    assert back["redirectUris"] == [f"{kept.public_url}/oidc/callback"]
    assert back["secret"] == kept.client_secret
