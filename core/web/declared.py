"""Entries of the navigation whose pages belong to several parts of the core (see `core.builtin`)."""

from __future__ import annotations

from core.host.declarations import NavEntry

NAVIGATION = (
    NavEntry("今天要办", "Today", "/", "home", "home.read", order=1),
    NavEntry("移交事项", "Matters", "/matters", "inbox", "exchange.take", "业务办理", "Casework", 70),
    NavEntry("帮扶资金", "Funds", "/funds", "coin", "funds.read", "资金", "Funds", 300),
)
