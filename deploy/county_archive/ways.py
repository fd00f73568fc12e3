"""Whom an archive opens for: whoever knows a passphrase (口令), or the one installation that it was made for (接收密钥).

The archive has a random key of its own. The header holds it wrapped, in one of the two ways.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import unicodedata
import uuid
from typing import Any, Final, Protocol

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import InvalidInput
from core.vault.ciphers import AES_256_GCM, DATA_KEY_BYTES, open_sealed, seal
from core.vault.errors import SealBroken
from core.vault.key_file import InstallationKey
from deploy.county_archive.errors import ArchiveBroken, WrongKey

LEAST_PASSPHRASE: Final = 16
"""Signs that a passphrase has at least: the file can be tried offline, as long as somebody likes."""
COSTS: Final = {"time": 3, "memory_kib": 256 * 1024, "parallelism": 4}
_MOST: Final = {"time": 16, "memory_kib": 1024 * 1024, "parallelism": 16}
"""What a header may ask of the reader: a forged one shall not take the machine's memory."""
_PREFIX: Final = "bangfu1-"
_CHECK_BYTES: Final = 4


class Way(Protocol):
    """How an archive's key is wrapped for somebody, when it is written."""

    def wrap(self, archive: uuid.UUID, key: bytes) -> dict[str, Any]:
        """The header's part that whoever it is for opens."""


class Opener(Protocol):
    """Somebody for whom an archive may have been made, when it is read."""

    def unwrap(self, archive: uuid.UUID, said: dict[str, Any]) -> bytes:
        """The archive's key; raises ``WrongKey``."""


def _place(archive: uuid.UUID) -> bytes:
    return b"county-archive/key/" + archive.bytes


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Passphrase:
    """A passphrase that travels by another way than the file (argon2id)."""

    def __init__(self, text: str) -> None:
        self._text = unicodedata.normalize("NFKC", text).encode()

    @classmethod
    def chosen(cls, text: str) -> Passphrase:
        """A passphrase for a new archive; raises ``InvalidInput`` for a short one."""
        if len(text) < LEAST_PASSPHRASE:
            raise InvalidInput(
                f"口令至少 {LEAST_PASSPHRASE} 位",
                f"a passphrase has at least {LEAST_PASSPHRASE} signs",
                where="passphrase",
                mend_zh="可用几个不相关的词连成一句；或改用接收方的接收密钥（--for）",
                mend_en="join some unrelated words, or use the receiver's key (--for)",
            )
        return cls(text)

    def wrap(self, archive: uuid.UUID, key: bytes) -> dict[str, Any]:
        """Wrapped under a key that the passphrase and a salt give."""
        salt = os.urandom(16)
        wrapped = seal(AES_256_GCM, self._stretched(salt, COSTS), key, _place(archive))
        return {"way": "passphrase", "kdf": "argon2id", **COSTS, "salt": _text(salt), "wrapped": _text(wrapped)}

    def unwrap(self, archive: uuid.UUID, said: dict[str, Any]) -> bytes:
        """The archive's key; raises ``WrongKey`` for another passphrase and for an archive made for an installation."""
        if said.get("way") != "passphrase":
            raise WrongKey(
                "该档案包是按接收密钥加密的，不用口令",
                "this archive was made for an installation, not for a passphrase",
                mend_zh="请在出具接收密钥的安装上导入，且不要给出口令",
                mend_en="take it in at the installation whose key it was made for, without a passphrase",
            )
        costs = {name: int(said[name]) for name in COSTS}
        if any(not 1 <= costs[name] <= _MOST[name] for name in costs) or costs["memory_kib"] < 8 * costs["parallelism"]:
            raise ArchiveBroken("档案包文件头要求的运算量超出范围", "the header asks for costs out of range")
        try:
            key = self._stretched(base64.b64decode(said["salt"]), costs)
        except HashingError:
            raise ArchiveBroken("档案包文件头已损坏", "the header is damaged") from None
        try:
            return open_sealed(key, base64.b64decode(said["wrapped"]), _place(archive))
        except SealBroken:
            raise WrongKey(
                "口令不正确，或文件头已被改动",
                "the passphrase is wrong, or the header was altered",
                mend_zh="请向导出方核对口令（区分大小写和空格）；本次没有写入任何数据",
                mend_en="ask for the passphrase again (case and spaces count); nothing was written",
            ) from None

    def _stretched(self, salt: bytes, costs: dict[str, int]) -> bytes:
        time, memory, lanes = costs["time"], costs["memory_kib"], costs["parallelism"]
        return hash_secret_raw(self._text, salt, time, memory, lanes, DATA_KEY_BYTES, Type.ID)


def _private(installation: InstallationKey) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(installation.derive("county-archive/recipient"))


def public_text(installation: InstallationKey) -> str:
    """The installation's receiving key (接收密钥), which is no secret: whoever exports for it gives it to ``--for``."""
    return _written(_private(installation).public_key().public_bytes_raw())


def _written(public: bytes) -> str:
    check = hashlib.sha256(public).digest()[:_CHECK_BYTES]
    return _PREFIX + base64.urlsafe_b64encode(public + check).decode().rstrip("=")


def _agreed(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    derive = HKDF(
        algorithm=SHA256(), length=DATA_KEY_BYTES, salt=ephemeral + recipient, info=b"bangfu/county-archive/recipient"
    )
    return derive.derive(shared)


class ForInstallation:
    """The receiving key of the installation that an archive is made for: nobody in between holds what opens it."""

    def __init__(self, text: str) -> None:
        plain = text.strip()
        try:
            data = base64.urlsafe_b64decode(plain.removeprefix(_PREFIX) + "==")
        except (binascii.Error, ValueError):
            data = b""
        public = data[:-_CHECK_BYTES]
        if not plain.startswith(_PREFIX) or len(public) != DATA_KEY_BYTES or _written(public) != plain:
            raise InvalidInput(
                "不是接收密钥，或抄写有误",
                "not a receiving key, or not copied as it was",
                where="--for",
                mend_zh="请在接收方运行 bangfu county transfer-key，整行复制",
                mend_en="run bangfu county transfer-key at the receiver and copy the whole line",
            )
        self._public = public

    def wrap(self, archive: uuid.UUID, key: bytes) -> dict[str, Any]:
        """Wrapped under what a key pair of this archive alone and the receiving key agree on (X25519)."""
        pair = X25519PrivateKey.generate()
        ephemeral = pair.public_key().public_bytes_raw()
        agreed = _agreed(pair.exchange(X25519PublicKey.from_public_bytes(self._public)), ephemeral, self._public)
        wrapped = seal(AES_256_GCM, agreed, key, _place(archive))
        return {
            "way": "installation",
            "recipient": _written(self._public),
            "ephemeral": _text(ephemeral),
            "wrapped": _text(wrapped),
        }


class ThisInstallation:
    """This installation as the receiver of an archive."""

    def __init__(self, installation: InstallationKey) -> None:
        self._installation = installation

    def unwrap(self, archive: uuid.UUID, said: dict[str, Any]) -> bytes:
        """The archive's key; raises ``WrongKey`` where it was made for somebody else or for a passphrase."""
        own = public_text(self._installation)
        if said.get("way") != "installation":
            raise WrongKey(
                "该档案包是用口令加密的，请给出口令",
                "this archive asks for a passphrase",
                mend_zh="用 --passphrase-file 指明口令文件，或在提示时输入",
                mend_en="name a file with --passphrase-file, or type it when asked",
            )
        if said.get("recipient") != own:
            raise WrongKey(
                "该档案包是为另一个安装加密的",
                "this archive was made for another installation",
                where=str(said.get("recipient")),
                mend_zh="请用本安装的接收密钥（bangfu county transfer-key）重新导出",
                mend_en="export again for the key that bangfu county transfer-key prints here",
            )
        ephemeral = base64.b64decode(said["ephemeral"])
        private = _private(self._installation)
        shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        agreed = _agreed(shared, ephemeral, private.public_key().public_bytes_raw())
        try:
            return open_sealed(agreed, base64.b64decode(said["wrapped"]), _place(archive))
        except SealBroken:
            raise WrongKey("文件头已被改动，打不开", "the header was altered and does not open") from None
