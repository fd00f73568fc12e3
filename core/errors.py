"""Errors that the whole platform speaks: what is wrong, where, and how to mend it, in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self


class BangfuError(Exception):
    """A refusal or fault that a person is told about.

    ``zh`` and ``en`` say what is wrong; ``where`` names the place (field, sheet and row, file, setting);
    ``mend_zh`` and ``mend_en`` say what to do. ``code`` is stable and machine readable, ``status`` the HTTP status
    that a page or the API answers with. Texts never hold a sensitive value in full. ``files`` are the numbers of files that
    they name, or texts with these: whoever is told sees them however long they are, as no other long number.
    """

    code = "error"
    status = 500

    def __init__(
        self,
        zh: str,
        en: str,
        *,
        where: str | None = None,
        mend_zh: str | None = None,
        mend_en: str | None = None,
        files: Sequence[str | None] = (),
    ) -> None:
        super().__init__(zh, en)
        self.zh = zh
        self.en = en
        self.where = where
        self.mend_zh = mend_zh
        self.mend_en = mend_en
        self.files = tuple(file for file in files if file)

    def __copy__(self) -> Self:
        """A copy as it is, whatever its kind is made from."""
        copied = type(self).__new__(type(self), *self.args)
        copied.__dict__.update(self.__dict__)
        return copied

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend_zh = f"。{self.mend_zh}" if self.mend_zh else ""
        mend_en = f". {self.mend_en}" if self.mend_en else ""
        return f"{place}{self.zh}{mend_zh} / {self.en}{mend_en}"


class InvalidInput(BangfuError):
    """Something that was typed, sent or uploaded cannot be taken as it is."""

    code = "invalid_input"
    status = 422


class NotFound(BangfuError):
    """No such thing here; also the answer for whatever belongs to another county (law 1)."""

    code = "not_found"
    status = 404


class Forbidden(BangfuError):
    """The thing is here, but this post may not do that to it."""

    code = "forbidden"
    status = 403


class Conflict(BangfuError):
    """The act does not fit the present state: already done, changed meanwhile, or excluded by another act."""

    code = "conflict"
    status = 409


class PreconditionFailed(BangfuError):
    """The caller's version of a thing is not the present one (If-Match)."""

    code = "precondition_failed"
    status = 412


class TooMany(BangfuError):
    """Too many tries in a short time."""

    code = "too_many_requests"
    status = 429


class Misconfigured(BangfuError):
    """The installation itself is set up in a way that the platform refuses to run with."""

    code = "misconfigured"
    status = 503
