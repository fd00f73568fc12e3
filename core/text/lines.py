"""Line ends of typed texts."""

from __future__ import annotations


def line_ends(text: str) -> str:
    """``text`` with every line ended by one LF.

    Browsers send CR LF for a line end that they count as one character: a text is measured and stored in this form alone.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")
