"""What the realm promises, asked of a running Keycloak."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakError

from deploy.keycloak.addresses import ADMIN_CLIENT, REALM, WEB_CLIENT
from tests.keycloak.running import PASSWORD, RunningKeycloak
from tests.keycloak.sign_in import Visitor, claims_of, one_time_code

pytestmark = pytest.mark.keycloak


def signed_in(keycloak: RunningKeycloak, name: str, **asked: str) -> tuple[Visitor, dict[str, Any]]:
    visitor = keycloak.visitor()
    visitor.ask(**asked)
    visitor.send(username=name, password=PASSWORD)
    return visitor, visitor.tokens()


def fields_of(page: str) -> set[str]:
    return set(re.findall(r'<input[^>]*\sname="([^"]+)"', page))


def test_settings(keycloak: RunningKeycloak) -> None:
    realm = keycloak.admin.get_realm(REALM)
    promised = {
        "accessTokenLifespan": 60,
        "ssoSessionIdleTimeout": 1800,
        "ssoSessionMaxLifespan": 36000,
        "revokeRefreshToken": True,
        "refreshTokenMaxReuse": 0,
        "bruteForceProtected": True,
        "permanentLockout": False,
        "registrationAllowed": False,
        "loginWithEmailAllowed": False,
        "rememberMe": False,
        "defaultLocale": "zh-CN",
        "browserFlow": "bangfu browser",
    }
    assert {name: realm[name] for name in promised} == promised
    assert set(realm["supportedLocales"]) == {"zh-CN", "en"}
    actions = {action["alias"]: action["enabled"] for action in keycloak.admin.get_required_actions()}
    assert actions["UPDATE_PASSWORD"]
    assert actions["CONFIGURE_TOTP"]


def test_no_secret_stands_in_the_file_and_none_is_left_open(keycloak: RunningKeycloak) -> None:
    clients = {client["clientId"]: client for client in keycloak.admin.get_clients()}
    assert clients[WEB_CLIENT]["secret"] == keycloak.addresses.client_secret
    assert clients[ADMIN_CLIENT]["secret"] == keycloak.addresses.admin_client_secret
    assert len({keycloak.addresses.client_secret, keycloak.addresses.admin_client_secret}) == 2
    for name in (WEB_CLIENT, ADMIN_CLIENT):
        assert not clients[name]["directAccessGrantsEnabled"]
        assert not clients[name]["implicitFlowEnabled"]
        assert not clients[name]["fullScopeAllowed"]
        assert "*" not in "".join(clients[name]["redirectUris"])
    web = clients[WEB_CLIENT]["attributes"]
    assert web["backchannel.logout.url"] == f"{keycloak.addresses.public_url}/oidc/back-channel-logout"
    assert web["backchannel.logout.session.required"] == "true"


@pytest.mark.parametrize("asked", [{"code_challenge": "", "code_challenge_method": ""}, {"code_challenge_method": "plain"}])
def test_a_code_needs_pkce_with_s256(keycloak: RunningKeycloak, asked: dict[str, str]) -> None:
    visitor = keycloak.visitor()
    visitor.ask(**asked)
    assert visitor.arrived["error"] == "invalid_request"
    assert re.search("code.challenge.method", visitor.arrived["error_description"])


def test_only_the_webs_own_address_is_sent_back_to(keycloak: RunningKeycloak) -> None:
    visitor = keycloak.visitor()
    visitor.ask(redirect_uri=f"{keycloak.addresses.public_url}/elsewhere")
    assert not visitor.arrived
    assert "code=" not in visitor.page


def test_offline_tokens_are_not_given(keycloak: RunningKeycloak) -> None:
    visitor = keycloak.visitor()
    visitor.ask(scope="openid offline_access")
    assert visitor.arrived["error"] == "invalid_scope"


def test_the_sign_in_page_is_chinese_and_english_on_demand(keycloak: RunningKeycloak) -> None:
    visitor = keycloak.visitor()
    visitor.ask()
    assert 'lang="zh-CN"' in visitor.page
    assert "登录" in visitor.page
    english = keycloak.visitor()
    english.ask(ui_locales="en")
    assert "Sign in to your account" in english.page


def test_tokens_of_a_person(keycloak: RunningKeycloak) -> None:
    name = keycloak.person()
    group = keycloak.admin.create_group({"name": f"g-{name}"})
    below = keycloak.admin.create_group({"name": "caseworker"}, parent=group)
    assert below is not None
    keycloak.admin.group_user_add(keycloak.admin.get_user_id(name) or "", below)
    _, tokens = signed_in(keycloak, name)
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    for claims, kind in ((access, "Bearer"), (identity, "ID")):
        assert claims["iss"] == keycloak.addresses.realm_url
        assert claims["aud"] == WEB_CLIENT
        assert claims["azp"] == WEB_CLIENT
        assert claims["typ"] == kind
        assert claims["exp"] - claims["iat"] == 60
        assert claims["acr"] == "1"
        assert claims["preferred_username"] == name
        assert claims["groups"] == [f"/g-{name}/caseworker"]
        assert claims["sid"]
    assert not {"name", "email", "given_name", "family_name", "realm_access", "resource_access"} & access.keys()


@contextmanager
def web_listening(public_url: str) -> Iterator[Queue[tuple[str, bytes]]]:
    """The web's place taken by a server that only notes what is posted to it: (path, body)."""
    heard: Queue[tuple[str, bytes]] = Queue()

    class Web(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.put((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    place = urlsplit(public_url)
    with ThreadingHTTPServer((str(place.hostname), int(place.port or 0)), Web) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield heard
        server.shutdown()
        thread.join()


def logged_out(heard: Queue[tuple[str, bytes]]) -> dict[str, Any]:
    path, body = heard.get(timeout=30)
    assert path == "/oidc/back-channel-logout"
    return claims_of(parse_qs(body.decode())["logout_token"][0])


def test_signing_out_comes_back_to_the_web_and_tells_it(keycloak: RunningKeycloak) -> None:
    visitor, tokens = signed_in(keycloak, keycloak.person())
    goal = f"{keycloak.addresses.public_url}/sign-in"
    with web_listening(keycloak.addresses.public_url) as heard:
        visitor.leave(tokens["id_token"], goal)
        assert logged_out(heard)["sid"] == claims_of(tokens["id_token"])["sid"]
    assert visitor.arrived_at == goal
    visitor.ask()
    assert "password" in fields_of(visitor.page)


def test_nobody_is_sent_elsewhere_after_signing_out(keycloak: RunningKeycloak) -> None:
    visitor, tokens = signed_in(keycloak, keycloak.person())
    visitor.leave(tokens["id_token"], f"{keycloak.addresses.public_url}/elsewhere")
    assert not visitor.arrived_at


def test_a_person_logged_out_by_an_administrator_is_told_to_the_web(keycloak: RunningKeycloak) -> None:
    name = keycloak.person()
    _, tokens = signed_in(keycloak, name)
    with web_listening(keycloak.addresses.public_url) as heard:
        keycloak.provisioning().user_logout(keycloak.admin.get_user_id(name) or "")
        told = logged_out(heard)
    assert told["typ"] == "Logout"
    assert told["aud"] == WEB_CLIENT
    assert told["sub"] == claims_of(tokens["id_token"])["sub"]
    assert "http://schemas.openid.net/event/backchannel-logout" in told["events"]


def test_introspection_follows_a_person_who_is_switched_off(keycloak: RunningKeycloak) -> None:
    name = keycloak.person()
    visitor, tokens = signed_in(keycloak, name)

    def active() -> bool:
        answer = httpx2.post(
            f"{keycloak.addresses.realm_url}/protocol/openid-connect/token/introspect",
            data={"token": tokens["access_token"]},
            auth=(WEB_CLIENT, keycloak.addresses.client_secret),
        )
        return bool(answer.json()["active"])

    assert active()
    keycloak.admin.update_user(keycloak.admin.get_user_id(name) or "", {"enabled": False})
    assert not active()
    again = visitor.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again["error"] == "invalid_grant"


def test_a_refresh_token_is_good_once(keycloak: RunningKeycloak) -> None:
    visitor, first = signed_in(keycloak, keycloak.person())
    second = visitor.token_request(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    reused = visitor.token_request(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert reused["error"] == "invalid_grant"
    # Somebody has used a stolen token: what came of the true one is void too.
    after = visitor.token_request(grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert after["error"] == "invalid_grant"


def test_step_up_without_a_device_asks_for_the_password_again(keycloak: RunningKeycloak) -> None:
    visitor, tokens = signed_in(keycloak, keycloak.person())
    before = claims_of(tokens["id_token"])
    visitor.ask(acr_values="2")
    assert "password" in fields_of(visitor.page)
    assert "username" not in fields_of(visitor.page)
    visitor.send(password="wrong-2025")
    assert not visitor.arrived
    visitor.send(password=PASSWORD)
    stepped = claims_of(visitor.tokens()["id_token"])
    assert stepped["acr"] == "2"
    assert stepped["sid"] == before["sid"]
    # Within the level's five minutes the next request for it is answered at once.
    visitor.ask(acr_values="2")
    assert claims_of(visitor.tokens()["id_token"])["acr"] == "2"


def test_step_up_with_a_device_takes_its_code_and_nothing_else(keycloak: RunningKeycloak) -> None:
    visitor = keycloak.visitor()
    visitor.ask()
    visitor.send(username=keycloak.person(requiredActions=["CONFIGURE_TOTP"]), password=PASSWORD)
    found = re.search(r'name="totpSecret" value="([^"]+)"', visitor.page)
    assert found is not None
    visitor.send(totp=one_time_code(found[1]), totpSecret=found[1], userLabel="手机")
    assert claims_of(visitor.tokens()["id_token"])["acr"] == "1"
    visitor.ask(acr_values="2")
    assert "otp" in fields_of(visitor.page)
    assert "password" not in fields_of(visitor.page)
    # A code is good once: the one just used is refused, the next is within the clock's tolerance.
    visitor.send(otp=one_time_code(found[1]))
    assert not visitor.arrived
    visitor.send(otp=one_time_code(found[1], time.time() + 30))
    assert claims_of(visitor.tokens()["id_token"])["acr"] == "2"


def test_a_first_password_must_be_changed(keycloak: RunningKeycloak) -> None:
    visitor = keycloak.visitor()
    visitor.ask()
    visitor.send(username=keycloak.person(requiredActions=["UPDATE_PASSWORD"]), password=PASSWORD)
    assert not visitor.arrived
    visitor.send(**{"password-new": "短", "password-confirm": "短"})
    assert not visitor.arrived
    visitor.send(**{"password-new": "另一个密码-2026", "password-confirm": "另一个密码-2026"})
    assert visitor.tokens()["access_token"]


def test_guessing_locks_for_a_while(keycloak: RunningKeycloak) -> None:
    name = keycloak.person()
    visitor = keycloak.visitor()
    visitor.ask()
    for _ in range(10):
        visitor.send(username=name, password="wrong-2025")
    state = keycloak.admin.get_bruteforce_detection_status(keycloak.admin.get_user_id(name) or "")
    assert state["disabled"]
    visitor.send(username=name, password=PASSWORD)
    assert not visitor.arrived


def test_another_systems_service_account(keycloak: RunningKeycloak) -> None:
    """A system that the platform's API is to hear gets the web as its audience, and stays known by ``azp``."""
    audience = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": WEB_CLIENT, "access.token.claim": "true"},
    }
    system = {
        "clientId": "payroll",
        "secret": "of-this-test-only",
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "fullScopeAllowed": False,
        "protocolMappers": [audience],
        "defaultClientScopes": ["basic", "service_account"],
    }
    made = keycloak.admin.create_client(system)
    try:
        claims = claims_of(by_client_credentials(keycloak, "payroll", "of-this-test-only"))
    finally:
        keycloak.admin.delete_client(made)
    assert claims["aud"] == WEB_CLIENT
    assert claims["azp"] == "payroll"


def by_client_credentials(keycloak: RunningKeycloak, client: str, secret: str) -> str:
    answer = httpx2.post(
        f"{keycloak.addresses.realm_url}/protocol/openid-connect/token",
        data={"grant_type": "client_credentials"},
        auth=(client, secret),
    )
    return str(answer.json()["access_token"])


def test_the_provisioning_account_is_none_that_the_api_hears(keycloak: RunningKeycloak) -> None:
    claims = claims_of(by_client_credentials(keycloak, ADMIN_CLIENT, keycloak.addresses.admin_client_secret))
    assert claims["azp"] == ADMIN_CLIENT
    assert "aud" not in claims
    assert claims["exp"] - claims["iat"] == 60


def test_provisioning_makes_a_tree_and_staff(keycloak: RunningKeycloak) -> None:
    desk = keycloak.provisioning()
    parent: str | None = None
    # a province of this test alone: others tell the same server of theirs
    for name in ("990000", "990100", "990104", "caseworker"):
        parent = desk.create_group({"name": name}, parent=parent)
    path = "/990000/990100/990104/caseworker"
    found = desk.get_group_by_path(path)
    assert found["path"] == path
    name = keycloak.person()
    staff = desk.get_user_id(name) or ""
    desk.group_user_add(staff, found["id"])
    visitor, tokens = signed_in(keycloak, name)
    assert claims_of(tokens["access_token"])["groups"] == [path]
    [session] = desk.get_sessions(staff)
    assert session["username"] == name
    desk.set_user_password(staff, "另一个密码-2026", temporary=True)
    desk.user_logout(staff)
    assert desk.get_sessions(staff) == []
    desk.delete_user(desk.create_user({"username": f"new-{name}", "enabled": True}))
    ended = visitor.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert ended["error"] == "invalid_grant"


def _grant_itself_all(desk: KeycloakAdmin, keycloak: RunningKeycloak) -> None:
    management = keycloak.admin.get_client_id("realm-management") or ""
    role = keycloak.admin.get_client_role(management, "realm-admin")
    staff = desk.get_user_id(keycloak.person()) or ""
    desk.assign_client_role(staff, management, [role])


def test_provisioning_may_not_touch_the_realm(keycloak: RunningKeycloak) -> None:
    desk = keycloak.provisioning()
    web = keycloak.admin.get_client_id(WEB_CLIENT) or ""
    forbidden: dict[str, Any] = {
        "settings": lambda: desk.update_realm(REALM, {"accessTokenLifespan": 3600}),
        "clients": desk.get_clients,
        "secret": lambda: desk.get_client_secrets(web),
        "client": lambda: desk.update_client(web, {"redirectUris": ["*"]}),
        "new client": lambda: desk.create_client({"clientId": "stranger"}),
        "flows": desk.get_authentication_flows,
        "keys": desk.get_keys,
        "roles": lambda: desk.create_realm_role({"name": "stranger"}),
        "everything": lambda: _grant_itself_all(desk, keycloak),
        "other realms": lambda: desk.create_realm({"realm": "stranger"}),
    }
    for what, act in forbidden.items():
        with pytest.raises(KeycloakError) as refused:
            act()
        assert refused.value.response_code == 403, what
    assert keycloak.admin.get_realm(REALM)["accessTokenLifespan"] == 60


@pytest.mark.slow
@pytest.mark.long
def test_a_second_start_keeps_people_and_groups(keycloak: RunningKeycloak) -> None:
    name = keycloak.person()
    keycloak.admin.create_group({"name": f"kept-{name}"})
    before = keycloak.addresses
    keycloak.restart()
    assert keycloak.addresses == before
    assert keycloak.admin.get_group_by_path(f"/kept-{name}")["name"] == f"kept-{name}"
    _, tokens = signed_in(keycloak, name)
    assert claims_of(tokens["access_token"])["preferred_username"] == name
