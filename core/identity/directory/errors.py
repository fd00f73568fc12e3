"""What goes wrong between the accounts and the identity provider's directory. Their texts name no person."""

from __future__ import annotations

from core.errors import BangfuError
from core.jobs.failures import Waits


class DirectoryAway(Waits):
    """The directory cannot be asked at all: no answer, or it does not take us in. Passing; what is to be done there waits."""

    code = "directory_away"
    status = 503


class DirectoryRefused(BangfuError):
    """The directory takes this one thing not as it is. ``answer`` is the HTTP status that it gave."""

    code = "directory_refused"
    status = 409

    def __init__(
        self,
        zh: str,
        en: str,
        *,
        answer: int | None = None,
        where: str | None = None,
        mend_zh: str | None = None,
        mend_en: str | None = None,
    ) -> None:
        super().__init__(zh, en, where=where, mend_zh=mend_zh, mend_en=mend_en)
        self.answer = answer


class LoginTaken(DirectoryRefused):
    """Somebody who is not known to be this account's person has its login there."""

    code = "directory_login_taken"
