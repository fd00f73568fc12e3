"""Texts of several lines as they are typed: their line ends, and reasons that must be given."""

from __future__ import annotations

from core.errors import InvalidInput


def line_ends(text: str) -> str:
    """``text`` with every line ended by one LF.

    Browsers send CR LF for a line end that they count as one character: a text is measured and stored in this form alone.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")


def reason_given(text: str, wanted_zh: str, most: int, *, where: str = "reason") -> str:
    """The reason that was typed; raises ``InvalidInput`` where there is none or it has more than ``most`` characters.
    ``wanted_zh`` says what is to be written."""
    said = line_ends(text).strip()
    if not said or len(said) > most:
        raise InvalidInput(f"{wanted_zh}，不超过 {most} 字", f"a reason of at most {most} characters is needed", where=where)
    return said
