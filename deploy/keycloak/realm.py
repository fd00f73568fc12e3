"""The realm (``realm.json``): made when it is not there, and told on each start where the web is and which secrets hold."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from keycloak import KeycloakAdmin, KeycloakPostError

from deploy.keycloak.addresses import REALM

_FILE = Path(__file__).with_name("realm.json")
_HTTP_CONFLICT = 409


@dataclass(frozen=True)
class RealmValues:
    """What differs between installations: the web's address (no slash at its end) and the secrets of both clients."""

    public_url: str
    client_secret: str = field(repr=False)
    admin_client_secret: str = field(repr=False)


def realm_of(values: RealmValues) -> dict[str, Any]:
    """The realm's representation with ``values`` in their places.

    The places are named as Keycloak's own import names them (``${BANGFU_PUBLIC_URL}``), so that production loads the same
    file with ``--import-realm`` and environment variables.
    """
    filled = {
        "BANGFU_PUBLIC_URL": values.public_url,
        "BANGFU_KEYCLOAK_CLIENT_SECRET": values.client_secret,
        "BANGFU_KEYCLOAK_ADMIN_CLIENT_SECRET": values.admin_client_secret,
    }
    escaped = {name: json.dumps(value)[1:-1] for name, value in filled.items()}
    # Safe: the user profile holds names of Keycloak's own texts (${username}), which stay as they are.
    realm: dict[str, Any] = json.loads(Template(_FILE.read_text(encoding="utf-8")).safe_substitute(escaped))
    return realm


def ensure_realm(admin: KeycloakAdmin, values: RealmValues) -> None:
    """Make the realm, or, where it is there, bring addresses and secrets of its clients up to date.

    Users, groups, sessions and what an administrator has set in the console are kept. Raises ``KeycloakError``.
    """
    realm = realm_of(values)
    try:
        admin.create_realm(realm)
    except KeycloakPostError as error:
        # Not skip_exists=True: with it, python-keycloak 7.1 raises TypeError over the answer of a realm that exists.
        if error.response_code != _HTTP_CONFLICT:
            raise
        _renew_clients(admin, realm)


def _renew_clients(admin: KeycloakAdmin, realm: dict[str, Any]) -> None:
    former = admin.get_current_realm()
    admin.change_current_realm(REALM)
    try:
        kept = {client["clientId"]: client for client in admin.get_clients()}
        for wanted in realm["clients"]:
            client = kept[wanted["clientId"]]
            renewed = {name: wanted[name] for name in ("secret", "rootUrl", "redirectUris") if name in wanted}
            attributes = {**client["attributes"], **wanted.get("attributes", {})}
            admin.update_client(client["id"], {**client, **renewed, "attributes": attributes})
    finally:
        admin.change_current_realm(former or "master")
