"""Authenticated ciphers behind one interface, and the one form in which sealed values are stored (domain 12).

Stored form: one byte algorithm, 12 bytes nonce, ciphertext with its 16 byte tag. The first byte says how to open a
value, so that an installation can change its cipher (MLPS 2.0: SM4) and still read what it stored before.
"""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.vault.errors import SealBroken

DATA_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_HEAD_BYTES: Final = 1 + NONCE_BYTES


class BoundCipher(Protocol):
    """A cipher with its key set up, for many values under one key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Ciphertext followed by the tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Plaintext; raises InvalidTag when anything differs."""


class Cipher(Protocol):
    """An authenticated cipher (认证加密算法)."""

    @property
    def algorithm(self) -> int:
        """The byte that stored values begin with; never given to another cipher."""

    @property
    def name(self) -> str:
        """The name shown to administrators."""

    def bind(self, data_key: bytes) -> BoundCipher:
        """Set up with a data key of 32 bytes."""


def _checked(data_key: bytes) -> bytes:
    if len(data_key) != DATA_KEY_BYTES:
        raise ValueError("a data key has 32 bytes")
    return data_key


class Aes256Gcm:
    """AES-256-GCM, the default."""

    algorithm = 1
    name = "AES-256-GCM"

    def bind(self, data_key: bytes) -> BoundCipher:
        """The data key itself is the cipher's key."""
        return AESGCM(_checked(data_key))


class _BoundSm4:
    def __init__(self, key: bytes) -> None:
        self._key = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        encryptor = BlockCipher(self._key, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        body, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
        decryptor = BlockCipher(self._key, modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(body) + decryptor.finalize()


class Sm4Gcm:
    """SM4-GCM (国密 SM4, GB/T 32907)."""

    algorithm = 2
    name = "SM4-GCM"

    def bind(self, data_key: bytes) -> BoundCipher:
        """SM4's key of 16 bytes is derived from the data key, so both ciphers share one kind of stored key."""
        derive = HKDF(algorithm=SHA256(), length=16, salt=None, info=b"bangfu/vault/sm4-gcm")
        return _BoundSm4(derive.derive(_checked(data_key)))


AES_256_GCM: Final[Cipher] = Aes256Gcm()
SM4_GCM: Final[Cipher] = Sm4Gcm()
CIPHERS: Final[dict[int, Cipher]] = {cipher.algorithm: cipher for cipher in (AES_256_GCM, SM4_GCM)}


class Sealer:
    """Seals with one cipher under one data key, and opens what any known cipher sealed under that key."""

    __slots__ = ("_decrypt", "_encrypt", "_head", "_key")

    def __init__(self, cipher: Cipher, data_key: bytes) -> None:
        self._key = data_key
        self._head = bytes((cipher.algorithm,))
        bound = cipher.bind(data_key)
        # An import seals hundreds of thousands of fields: every attribute look-up that can be made once is.
        self._encrypt = bound.encrypt
        self._decrypt = bound.decrypt

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """The stored form. ``aad`` says where the value belongs and must be given again to open it."""
        return self.seal_with(urandom(NONCE_BYTES), plaintext, aad)

    def seal_with(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """The same with a nonce of ``nonces``, which must never be used again."""
        if not aad:
            raise _placeless()
        return self._head + nonce + self._encrypt(nonce, plaintext, aad)

    def open(self, blob: bytes, aad: bytes) -> bytes:
        """The plaintext; raises SealBroken for anything altered or out of place."""
        if not aad:
            raise _placeless()
        if len(blob) < _HEAD_BYTES + TAG_BYTES:
            raise SealBroken
        decrypt = self._decrypt if blob[:1] == self._head else self._other(blob[0])
        try:
            return decrypt(blob[1:_HEAD_BYTES], blob[_HEAD_BYTES:], aad)
        except InvalidTag:
            raise SealBroken from None

    def _other(self, algorithm: int) -> Callable[[bytes, bytes, bytes], bytes]:
        cipher = CIPHERS.get(algorithm)
        if cipher is None:
            raise SealBroken
        return cipher.bind(self._key).decrypt


def nonces(count: int) -> list[bytes]:
    """So many fresh nonces: the system is asked once for all, which an import notices."""
    drawn = urandom(NONCE_BYTES * count)
    return [drawn[at : at + NONCE_BYTES] for at in range(0, len(drawn), NONCE_BYTES)]


def _placeless() -> ValueError:
    return ValueError("a sealed value needs associated data that says where it belongs")


def seal(cipher: Cipher, key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Seal one value; for many under one key use a Sealer."""
    return Sealer(cipher, key).seal(plaintext, aad)


def open_sealed(key: bytes, blob: bytes, aad: bytes) -> bytes:
    """Open one value with the cipher its first byte names; raises SealBroken."""
    cipher = CIPHERS.get(blob[0]) if blob else None
    if cipher is None:
        raise SealBroken
    return Sealer(cipher, key).open(blob, aad)
