"""Checks of the annual audit about who is on file twice, and who asks where others are on file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy.orm import Session

from core.db.statements import tenant_sql
from core.host.declarations import FindingDraft
from core.money import format_yuan
from core.scope import current_scope

# Who counts as whom is asked of the merges that stand: an undone one joins nobody. Both records of a household are told before
# those of its members, who were merged with it.
_BEFORE_MERGE: Final = """
with grants as (
    select g.id, g.case_id, g.household_id, g.programme, g.occurrence, g.year, g.amount_fen, g.approved_on from relief_grant g
    where g.tenant = :tenant and g.state <> 'released'
      and (g.programme, g.occurrence) in (
        select programme, occurrence from relief_grant where tenant = :tenant and year = :year)
),
subjects as (
    select id as grant_id, 'household' as kind, household_id as subject from grants
    union
    select b.grant_id, 'person', b.person_id from grants g join grant_beneficiary b on b.tenant = :tenant and b.grant_id = g.id
),
as_one as (
    select s.grant_id, s.kind, s.subject, coalesce(r.survivor_id, s.subject) as one
    from subjects s
    left join record_merge r on r.tenant = :tenant and r.merged_id = s.subject and r.undone_on is null
)
select a.kind, a.one, g.programme, g.occurrence,
    array_agg(distinct a.subject) as records,
    array_agg(distinct f.file_number) filter (where f.file_number is not null) as files,
    jsonb_agg(distinct jsonb_build_object('grant', g.id, 'case', c.number, 'case_id', g.case_id, 'household', g.household_id,
        'amount_fen', g.amount_fen, 'approved_on', g.approved_on)) as payments
from as_one a
join grants g on g.id = a.grant_id
join case_record c on c.tenant = :tenant and c.id = g.case_id
left join worker_file f on f.tenant = :tenant and f.household_id = g.household_id
group by a.kind, a.one, g.programme, g.occurrence
having count(distinct a.grant_id) > 1 and count(distinct a.subject) > 1 and max(g.year) = :year
order by a.kind, a.one, g.programme, g.occurrence
"""
_IN_VAIN: Final = """
select q.actor, a.display_name as name, q.on_day, q.asked, q.in_vain from identity_question_count q
left join account a on a.id::text = q.actor
where q.tenant = :tenant and q.actor <> '' and extract(year from q.on_day) = :year and q.in_vain >= :most
order by q.on_day, q.actor
"""


def aided_before_merge(session: Session, year: int) -> list[FindingDraft]:
    """Two records that count as one were both aided in one occurrence before they were merged (domain 4.4.1): further aid is
    refused, but the money was paid twice. One finding for each two payments, by the file where the files were merged."""
    found: list[FindingDraft] = []
    told: set[frozenset[str]] = set()
    for row in session.execute(tenant_sql(_BEFORE_MERGE), {"year": year}):
        payments: Sequence[dict[str, Any]] = sorted(row.payments, key=lambda one: (one["approved_on"], one["grant"]))
        together = frozenset(str(one["grant"]) for one in payments)
        if together in told:
            continue
        told.add(together)
        paid = "、".join(f"{one['case']} {format_yuan(int(one['amount_fen']))}（{one['approved_on']}）" for one in payments)
        whom = "户" if row.kind == "household" else "人"
        found.append(
            FindingDraft(
                f"merged:{row.one}:{row.programme}:{row.occurrence}",
                f"{'、'.join(row.files or ())} 号档案所记为同一{whom}，合并前同一周期重复发放：{paid}",
                "household",
                row.one if row.kind == "household" else payments[-1]["household"],
                {
                    "programme": row.programme,
                    "occurrence": row.occurrence,
                    "cases": [str(one["case_id"]) for one in payments],
                    "records": sorted(str(one) for one in row.records),
                    "payments": [{name: one[name] for name in ("case", "amount_fen", "approved_on")} for one in payments],
                },
            )
        )
    return found


def identity_probing(session: Session, year: int) -> list[FindingDraft]:
    """An account that asked the identity index again and again in one day and found nobody may be trying numbers out."""
    from core.exchange.question_limits import IN_VAIN
    from core.parameters.service import least_of_levels

    on = min(current_scope().business_date, date(year, 12, 31))
    most = least_of_levels(session, (IN_VAIN,), on)[IN_VAIN]
    return [
        FindingDraft(
            f"identity_index:{row.on_day}:{row.actor}",
            f"{row.on_day} {row.name or row.actor}查询身份索引 {row.asked} 次，其中 {row.in_vain} 次查无结果，须说明事由",
            "account",
            None,
            {"actor": row.actor, "on": row.on_day.isoformat(), "asked": row.asked, "in_vain": row.in_vain},
        )
        for row in session.execute(tenant_sql(_IN_VAIN), {"year": year, "most": most})
    ]
