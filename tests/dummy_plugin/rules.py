"""The dummy plugin's rule set: which families are large."""

from __future__ import annotations

from core.rules.declarations import Column, Figure, KindLabel, Predicate, RuleSet

LARGE_FAMILIES = RuleSet(
    name="dummy_plugin",
    version="1",
    plugin="dummy_plugin",
    zh="多人家庭",
    en="large families",
    clause="none",
    columns=(
        Column("worker_id", "困难职工", "worker", "household", "id", "worker_id"),
        Column("person_id", "成员", "member", "person", "id", "person_id"),
    ),
    figures=(
        Figure("members", "家庭人口", "members", "count", "none", (), lambda read: read.members()),
        Figure("kind", "家庭类别", "kind of family", "code", "none", ("large",), lambda read: read["large"] * 1),
    ),
    predicates=(Predicate("large", "四口以上", "four or more", "none", ("members",), lambda read: read["members"] >= 4),),
    programmes=(),
    parameters=(),
    kinds=(KindLabel("ordinary", "一般家庭", "ordinary"), KindLabel("large", "多人家庭", "large")),
    kind="kind",
    eligible="large",
    surveyed=False,
)
