"""Secrets among a plugin's settings (口令、密钥): sealed under the installation's key, each for one tenant, plugin and field.

They are written and used, never shown: not on a page, not in an answer, a log, the trail or a difference.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import lru_cache

from core.settings import settings
from core.vault.ciphers import AES_256_GCM, open_sealed, seal
from core.vault.key_file import InstallationKey, load_installation_key


@lru_cache(maxsize=1)
def _key() -> bytes:
    return _derived(load_installation_key(settings().installation_key_file))


def _derived(installation: InstallationKey) -> bytes:
    return installation.derive("plugin-settings/secret")


def _place(tenant: str, plugin: str, field: str) -> bytes:
    return f"{tenant}/{plugin}/{field}".encode()


def sealed_secret(tenant: str, plugin: str, field: str, text: str) -> str:
    """What is stored of a secret; opens in its own place alone."""
    return b64encode(seal(AES_256_GCM, _key(), text.encode(), _place(tenant, plugin, field))).decode()


def opened_secret(tenant: str, plugin: str, field: str, stored: str) -> str:
    """The secret; raises ``SealBroken`` where it was altered or belongs to another tenant, plugin or field."""
    return open_sealed(_key(), b64decode(stored), _place(tenant, plugin, field)).decode()


def passed_on(
    tenant: str, plugin: str, secrets: Mapping[str, str], old: InstallationKey, new: InstallationKey
) -> dict[str, str]:
    """The same secrets by field as another installation stores them; raises as ``opened_secret``."""
    former, present = _derived(old), _derived(new)
    found = {}
    for field, stored in secrets.items():
        place = _place(tenant, plugin, field)
        text = open_sealed(former, b64decode(stored), place)
        found[field] = b64encode(seal(AES_256_GCM, present, text, place)).decode()
    return found
