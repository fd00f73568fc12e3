"""Sealed values: the stored form, both ciphers, and refusal of everything altered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vault.ciphers import AES_256_GCM, NONCE_BYTES, SM4_GCM, TAG_BYTES, Cipher, Sealer, open_sealed, seal
from core.vault.errors import SealBroken

KEY = bytes(range(32))
CIPHERS = [AES_256_GCM, SM4_GCM]
by_cipher = pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: cipher.name)


@by_cipher
@given(plaintext=st.binary(max_size=200), aad=st.binary(min_size=1, max_size=40))
def test_opens_what_was_sealed(cipher: Cipher, plaintext: bytes, aad: bytes) -> None:
    blob = seal(cipher, KEY, plaintext, aad)
    assert blob[0] == cipher.algorithm
    assert len(blob) == 1 + NONCE_BYTES + len(plaintext) + TAG_BYTES
    assert open_sealed(KEY, blob, aad) == plaintext


@by_cipher
def test_any_changed_byte_is_refused_without_content(cipher: Cipher) -> None:
    secret = "利州区蜀门北路128号".encode()
    blob = seal(cipher, KEY, secret, b"place")
    for position in range(len(blob)):
        altered = blob[:position] + bytes((blob[position] ^ 1,)) + blob[position + 1 :]
        with pytest.raises(SealBroken) as refused:
            open_sealed(KEY, altered, b"place")
        assert "128" not in str(refused.value)


@by_cipher
@pytest.mark.parametrize("length", [0, 1, 12, 13, 28])
def test_a_cut_value_is_refused(cipher: Cipher, length: int) -> None:
    with pytest.raises(SealBroken):
        open_sealed(KEY, seal(cipher, KEY, b"text", b"place")[:length], b"place")


@by_cipher
def test_another_place_or_key_is_refused(cipher: Cipher) -> None:
    blob = seal(cipher, KEY, b"text", b"place")
    with pytest.raises(SealBroken):
        open_sealed(KEY, blob, b"elsewhere")
    with pytest.raises(SealBroken):
        open_sealed(KEY[::-1], blob, b"place")


def test_a_sealer_opens_what_the_other_cipher_sealed() -> None:
    assert Sealer(SM4_GCM, KEY).open(seal(AES_256_GCM, KEY, b"text", b"place"), b"place") == b"text"
    assert Sealer(AES_256_GCM, KEY).open(seal(SM4_GCM, KEY, b"text", b"place"), b"place") == b"text"


def test_a_nonce_is_never_used_twice() -> None:
    sealer = Sealer(AES_256_GCM, KEY)
    assert len({sealer.seal(b"text", b"place")[1 : 1 + NONCE_BYTES] for _ in range(1000)}) == 1000


@by_cipher
def test_associated_data_and_key_size_are_required(cipher: Cipher) -> None:
    with pytest.raises(ValueError, match="belongs"):
        seal(cipher, KEY, b"text", b"")
    with pytest.raises(ValueError, match="32 bytes"):
        seal(cipher, KEY[:16], b"text", b"place")
