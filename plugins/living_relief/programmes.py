"""Programmes of living relief (救助项目): sources, purpose, and how often (domain 4.4, 6, 10)."""

from __future__ import annotations

from core.host.declarations import ProgrammeDecl

PROGRAMMES = (
    ProgrammeDecl(
        code="yearly_living",
        zh="年度生活救助",
        en="Yearly living relief",
        plugin="living_relief",
        purpose="living",
        sources=("appropriation",),
        occurrence="civil_year",
        clause="domain 4.4.1",
    ),
    ProgrammeDecl(
        code="medical",
        zh="医疗救助",
        en="Medical aid",
        plugin="living_relief",
        purpose="medical",
        sources=("union",),
        occurrence="civil_year",
        clause="domain 10",
    ),
    ProgrammeDecl(
        code="schooling",
        zh="金秋助学",
        en="Autumn schooling aid",
        plugin="living_relief",
        purpose="schooling",
        sources=("donation",),
        occurrence="school_year",
        clause="domain 10",
    ),
)
