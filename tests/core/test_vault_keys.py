"""The key file and the ladder of keys."""

from __future__ import annotations

import pickle
import stat
from pathlib import Path
from uuid import UUID

import pytest

from core.errors import Conflict, Misconfigured
from core.vault.ciphers import AES_256_GCM, SM4_GCM, Cipher
from core.vault.errors import SealBroken
from core.vault.key_file import InstallationKey, create_installation_key, load_installation_key
from core.vault.keys import KeyRing

ZHANG = UUID("01935f00-0000-7000-8000-000000000001")
LI = UUID("01935f00-0000-7000-8000-000000000002")
ROOT = InstallationKey(bytes(range(32)))


def test_a_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "installation.key"
    made = create_installation_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_installation_key(path).derive("x") == made.derive("x")
    before = path.read_bytes()
    with pytest.raises(Conflict):
        create_installation_key(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "installation.key"
    create_installation_key(path)
    path.chmod(mode)
    with pytest.raises(Misconfigured) as refused:
        load_installation_key(path)
    assert "0600" in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_damaged_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "installation.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured):
        load_installation_key(path)


def test_a_missing_key_file_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        load_installation_key(tmp_path / "none.key")
    assert not list(tmp_path.iterdir())


def test_labels_give_unrelated_keys_and_nothing_prints_one() -> None:
    assert ROOT.derive("a") != ROOT.derive("b")
    assert "****" in repr(ROOT)
    with pytest.raises(TypeError):
        pickle.dumps(ROOT)


@pytest.mark.parametrize("cipher", [AES_256_GCM, SM4_GCM], ids=lambda cipher: cipher.name)
def test_the_ladder_opens_again_in_another_process(cipher: Cipher) -> None:
    ring = KeyRing(ROOT, cipher)
    wrapped_tenant = ring.new_tenant_key("510802")
    key, wrapped_person = ring.tenant_key("510802", wrapped_tenant).new_person_key(ZHANG)
    blob = key.seal("phone", "13800006207")
    again = KeyRing(ROOT).tenant_key("510802", wrapped_tenant).person_key(ZHANG, wrapped_person)
    assert again.open("phone", blob) == "13800006207"


def test_a_key_copied_to_another_row_does_not_open() -> None:
    ring = KeyRing(ROOT)
    wrapped_tenant = ring.new_tenant_key("510802")
    tenant = ring.tenant_key("510802", wrapped_tenant)
    _, wrapped = tenant.new_person_key(ZHANG)
    with pytest.raises(SealBroken):
        tenant.person_key(LI, wrapped)
    with pytest.raises(SealBroken):
        ring.tenant_key("510104", ring.new_tenant_key("510104")).person_key(ZHANG, wrapped)
    with pytest.raises(SealBroken):
        ring.tenant_key("510104", wrapped_tenant)


def test_a_field_copied_to_another_column_or_person_does_not_open() -> None:
    ring = KeyRing(ROOT)
    tenant = ring.tenant_key("510802", ring.new_tenant_key("510802"))
    zhang, _ = tenant.new_person_key(ZHANG)
    li, _ = tenant.new_person_key(LI)
    blob = zhang.seal("phone", "13800006207")
    with pytest.raises(SealBroken):
        zhang.open("account", blob)
    with pytest.raises(SealBroken):
        li.open("phone", blob)


def test_another_installation_opens_nothing() -> None:
    wrapped = KeyRing(ROOT).new_tenant_key("510802")
    with pytest.raises(SealBroken):
        KeyRing(InstallationKey(bytes(32))).tenant_key("510802", wrapped)


def test_a_tenant_key_is_unwrapped_once() -> None:
    ring = KeyRing(ROOT)
    wrapped = ring.new_tenant_key("510802")
    assert ring.tenant_key("510802", wrapped) is ring.tenant_key("510802", wrapped)


@pytest.mark.parametrize("tenant", ["", "51080", "5108020", "51080x", "５１０８０２"])
def test_a_tenant_has_six_digits(tenant: str) -> None:
    with pytest.raises(ValueError, match="six digits"):
        KeyRing(ROOT).new_tenant_key(tenant)


def test_keys_print_masked() -> None:
    ring = KeyRing(ROOT)
    tenant = ring.tenant_key("510802", ring.new_tenant_key("510802"))
    person, _ = tenant.new_person_key(ZHANG)
    assert all("****" in repr(key) for key in (ring, tenant, person))
