"""What is kept of the provider's tokens, sealed under keys of the installation (domain 12)."""

from __future__ import annotations

from functools import lru_cache

from core.settings import settings
from core.vault.ciphers import AES_256_GCM, open_sealed, seal
from core.vault.key_file import load_installation_key


@lru_cache(maxsize=4)
def _key(use: str) -> bytes:
    return load_installation_key(settings().installation_key_file).derive(f"oidc/{use}")


def sealed(use: str, text: str, place: bytes) -> bytes:
    """``text`` sealed for one use and one place: a session's hash, a sign-in's state."""
    return seal(AES_256_GCM, _key(use), text.encode(), place)


def unsealed(use: str, blob: bytes, place: bytes) -> str:
    """The text; raises ``SealBroken`` for another use or place, or where it was altered."""
    return open_sealed(_key(use), blob, place).decode()
