"""What is wrong with an archive or with taking it in. Texts name places and numbers, never content."""

from __future__ import annotations

from core.errors import Conflict, InvalidInput


class ArchiveBroken(InvalidInput):
    """The file is no archive, or not the one that was written: altered, cut off, or of another format."""

    code = "county_archive.broken"

    def __init__(self, zh: str, en: str, *, where: str | None = None) -> None:
        super().__init__(
            zh,
            en,
            where=where,
            mend_zh="请核对文件是否完整，必要时重新导出；本次没有写入任何数据",
            mend_en="copy the file again, or export once more; nothing was written",
        )


class WrongKey(InvalidInput):
    """The passphrase, or this installation's key, does not open the archive."""

    code = "county_archive.wrong_key"


class DoesNotFit(Conflict):
    """The archive does not fit this installation as it is; nothing was written."""

    code = "county_archive.does_not_fit"


class NotEqual(Conflict):
    """What was taken in is not what the archive says; everything was taken back."""

    code = "county_archive.not_equal"
