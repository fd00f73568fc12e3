"""The outside of an archive: whatever is done to the file is found, and it opens for nobody but whom it was made for."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Callable

import pytest

from core.errors import InvalidInput
from core.vault.key_file import InstallationKey
from deploy.county_archive import ways
from deploy.county_archive.container import PIECE_BYTES, Opened, PieceReader, PieceWriter, read_header, write_header
from deploy.county_archive.errors import ArchiveBroken, WrongKey
from deploy.county_archive.ways import ForInstallation, Opener, Passphrase, ThisInstallation, Way, public_text

CONTENT = os.urandom(PIECE_BYTES * 2 + 1000)
WORDS = "一句相当长的口令 用来测试 2025"
RECEIVER, STRANGER = InstallationKey(b"r" * 32), InstallationKey(b"s" * 32)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "COSTS", {"time": 1, "memory_kib": 64, "parallelism": 1})


def written(way: Way, content: bytes = CONTENT) -> tuple[bytes, Opened]:
    """An archive with ``content`` inside."""
    out = io.BytesIO()
    opened = write_header(out, uuid.uuid4(), os.urandom(32), way)
    pieces = PieceWriter(out, opened)
    for start in range(0, len(content), 70_001):
        pieces.write(content[start : start + 70_001])
    pieces.finish()
    return out.getvalue(), opened


def read(data: bytes, opener: Opener) -> bytes:
    """What is inside."""
    file = io.BytesIO(data)
    pieces = PieceReader(file, read_header(file, opener))
    found = b""
    while part := pieces.read(50_000):
        found += part
    pieces.finish()
    return found


@pytest.mark.parametrize("content", [b"", b"x", CONTENT[:PIECE_BYTES], CONTENT[: PIECE_BYTES + 1], CONTENT])
def test_what_was_written_is_read(content: bytes) -> None:
    data, _ = written(Passphrase.chosen(WORDS), content)
    assert read(data, Passphrase(WORDS)) == content
    made, _ = written(ForInstallation(public_text(RECEIVER)), content)
    assert read(made, ThisInstallation(RECEIVER)) == content


def _flipped(place: float) -> Callable[[bytes, Opened], bytes]:
    def change(data: bytes, _opened: Opened) -> bytes:
        at = int(len(data) * place)
        return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]

    return change


def _swapped(data: bytes, opened: Opened) -> bytes:
    start, length = len(opened.header), 4 + 1 + 12 + PIECE_BYTES + 16
    first, second = data[start : start + length], data[start + length : start + 2 * length]
    return data[:start] + second + first + data[start + 2 * length :]


def _dropped(data: bytes, opened: Opened) -> bytes:
    start, length = len(opened.header), 4 + 1 + 12 + PIECE_BYTES + 16
    return data[:start] + data[start + length :]


@pytest.mark.parametrize(
    "change",
    [
        _flipped(0.1),
        _flipped(0.5),
        _flipped(0.9999),
        _swapped,
        _dropped,
        lambda data, _: data[:-1],
        lambda data, _: data[: len(data) // 2],
        lambda data, opened: data[: len(opened.header)],
        lambda data, opened: data[: len(opened.header) + 4 + 1 + 12 + PIECE_BYTES + 16],
        lambda data, _: data + b"x",
        lambda data, _: data[:-4] + data[-4:][::-1],
        lambda data, _: data.replace(b"ARCHIVE 1\n", b"ARCHIVE 2\n"),
        lambda data, _: b"PK" + data,
        lambda data, _: data[:0],
        lambda _, opened: opened.header[:-20],
        lambda data, _: data.replace(b"AES-256-GCM", b"AES-128-GCM"),
    ],
)
def test_whatever_is_done_to_the_file_is_found(change: Callable[[bytes, Opened], bytes]) -> None:
    data, opened = written(Passphrase(WORDS))
    with pytest.raises(ArchiveBroken) as refused:
        read(change(data, opened), Passphrase(WORDS))
    assert "没有写入任何数据" in str(refused.value)


def test_a_changed_header_never_opens() -> None:
    data, opened = written(Passphrase(WORDS))
    for at in range(len(b"BANGFU-COUNTY-ARCHIVE 1\n"), len(opened.header), 7):
        changed = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        with pytest.raises((ArchiveBroken, WrongKey)):
            read(changed, Passphrase(WORDS))


def test_it_opens_for_nobody_else() -> None:
    by_words, _ = written(Passphrase(WORDS))
    for_receiver, _ = written(ForInstallation(public_text(RECEIVER)))
    with pytest.raises(WrongKey, match="口令不正确"):
        read(by_words, Passphrase(WORDS + "。"))
    with pytest.raises(WrongKey, match="口令加密"):
        read(by_words, ThisInstallation(RECEIVER))
    with pytest.raises(WrongKey, match="另一个安装"):
        read(for_receiver, ThisInstallation(STRANGER))
    with pytest.raises(WrongKey, match="不用口令"):
        read(for_receiver, Passphrase(WORDS))


def test_a_forged_header_does_not_take_the_machines_memory() -> None:
    data, _ = written(Passphrase(WORDS))
    with pytest.raises(ArchiveBroken, match="超出范围"):
        read(data.replace(b'"memory_kib": 64', b'"memory_kib": 99999999'), Passphrase(WORDS))


def test_short_words_and_miscopied_keys_are_refused() -> None:
    with pytest.raises(InvalidInput, match="至少 16 位"):
        Passphrase.chosen("短口令")
    key = public_text(RECEIVER)
    for wrong in (
        key[:-1],
        key.replace("bangfu1-", "bangfu2-"),
        key[:20] + ("A" if key[20] != "A" else "B") + key[21:],
        "",
        "你好",
    ):
        with pytest.raises(InvalidInput, match="接收密钥"):
            ForInstallation(wrong)
    assert ForInstallation(f"  {key}\n")


def test_the_file_shows_nothing_but_its_header() -> None:
    content = "510104,锦江区总工会,某人".encode() * 1000
    data, opened = written(Passphrase(WORDS), content)
    assert b"510104" not in data
    assert "锦江区".encode() not in data
    assert b"510104" not in opened.header
