"""The core's checks of the annual audit: each one set-based question over one tenant's year, no query per household."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from core.codes import label
from core.db.statements import tenant_sql
from core.funds.repository import differences
from core.host.declarations import FindingDraft
from core.money import format_yuan
from core.scope import current_scope
from core.trail.service import first_break


def _rows(session: Session, sql: str, **values: Any) -> Sequence[Any]:
    return session.execute(tenant_sql(sql), values).all()


def ledger_balance(session: Session, year: int) -> list[FindingDraft]:
    """Each account's balance is the sum of its legs (domain 7.1)."""
    return [
        FindingDraft(
            f"account:{found.account_id}",
            f"账户余额与分录不符：余额 {format_yuan(found.balance_fen)}，分录合计 {format_yuan(found.legs_fen)}",
            "fund_account",
            found.account_id,
            {"source": found.source, "purpose": found.purpose, "state": found.state},
        )
        for found in differences(session, year)
    ]


def trail_chain(session: Session, _year: int) -> list[FindingDraft]:
    """The trail's chain holds from its first link to its head (domain 12)."""
    broken = first_break(session)
    if broken is None:
        return []
    return [
        FindingDraft(
            f"seq:{broken.seq}", f"操作留痕链在第 {broken.seq} 条断裂", "trail", None, {"what": broken.what, "seq": broken.seq}
        )
    ]


def payment_without_approval(session: Session, year: int) -> list[FindingDraft]:
    """Nothing is paid without an approved case (domain 7.1)."""
    rows = _rows(
        session,
        """
        select g.case_id, c.number, sum(p.amount_fen) as fen
        from payment_attempt p
        join relief_grant g on g.tenant = p.tenant and g.id = p.grant_id
        join case_record c on c.tenant = g.tenant and c.id = g.case_id
        where p.tenant = :tenant and g.year = :year and p.state = 'succeeded'
          and not exists (
            select 1 from case_decision d
            where d.tenant = p.tenant and d.case_id = g.case_id and d.outcome = 'approved')
        group by 1, 2
        """,
        year=year,
    )
    return [
        FindingDraft(
            f"case:{row.case_id}",
            f"{row.number} 未经审批即支付 {format_yuan(int(row.fen))}",
            "case",
            row.case_id,
            {"number": row.number, "amount_fen": int(row.fen)},
        )
        for row in rows
    ]


def approver_is_clerk(session: Session, year: int) -> list[FindingDraft]:
    """The approver is never the applicant's clerk (domain 7.4)."""
    rows = _rows(
        session,
        """
        select d.case_id, c.number from case_decision d
        join case_record c on c.tenant = d.tenant and c.id = d.case_id
        where d.tenant = :tenant and extract(year from d.business_date) = :year and d.decided_by = d.clerk
        """,
        year=year,
    )
    return [
        FindingDraft(f"case:{row.case_id}", f"{row.number} 由经办人本人审批", "case", row.case_id, {"number": row.number})
        for row in rows
    ]


def paid_twice(session: Session, year: int) -> list[FindingDraft]:
    """No household and no beneficiary is paid twice in one occurrence (domain 4.4.1).

    A school year lies in two years of the fund, so grants are compared by occurrence; the deviation belongs to the year of
    the last of them.
    """
    rows = _rows(
        session,
        """
        with grants as (
            select id, case_id, household_id, programme, occurrence, year from relief_grant
            where tenant = :tenant and state <> 'released'
              and (programme, occurrence) in (
                select programme, occurrence from relief_grant where tenant = :tenant and year = :year)
        ),
        subjects as (
            select programme, occurrence, year, household_id as subject, id as grant_id, case_id from grants
            union
            select g.programme, g.occurrence, g.year, b.person_id, g.id, g.case_id
            from grants g join grant_beneficiary b on b.tenant = :tenant and b.grant_id = g.id
        )
        select programme, occurrence, subject, count(distinct grant_id) as grants, array_agg(distinct case_id) as cases
        from subjects group by 1, 2, 3 having count(distinct grant_id) > 1 and max(year) = :year
        """,
        year=year,
    )
    return [
        FindingDraft(
            f"{row.programme}:{row.occurrence}:{row.subject}",
            f"同一周期重复发放 {row.grants} 次",
            "case",
            row.cases[-1],
            {"programme": row.programme, "occurrence": row.occurrence, "cases": [str(case) for case in row.cases]},
        )
        for row in rows
    ]


def missing_document(session: Session, year: int) -> list[FindingDraft]:
    """Every granted case still has the papers that its line requires; a withdrawn paper counts as missing (domain 10).

    What is required stands in the version of the workflow that the case was opened with.
    """
    rows = _rows(
        session,
        """
        with required as (
            select w.name as workflow, w.version, need ->> 'programme' as programme, need ->> 'kind' as kind
            from workflow_version w cross join lateral jsonb_array_elements(w.definition -> 'documents') as need
        )
        select c.id, c.number, r.kind,
               bool_or(d.withdrawn_on is not null) as withdrawn
        from relief_grant g
        join case_record c on c.tenant = g.tenant and c.id = g.case_id
        join required r on r.workflow = c.workflow and r.version = c.workflow_version
          and (r.programme is null or r.programme = c.programme)
        left join document d on d.tenant = c.tenant and d.case_id = c.id and d.kind = r.kind
        where g.tenant = :tenant and c.tenant = :tenant and g.year = :year and g.state <> 'released'
        group by c.id, c.number, r.kind
        having count(d.id) filter (where d.withdrawn_on is null) = 0
        """,
        year=year,
    )
    return [
        FindingDraft(
            f"case:{row.id}:{row.kind}",
            f"{row.number} 缺少{label('document_kind', row.kind)}{'（批准后撤回）' if row.withdrawn else ''}",
            "case",
            row.id,
            {"number": row.number, "kind": row.kind, "withdrawn": bool(row.withdrawn)},
        )
        for row in rows
    ]


def notice_not_kept(session: Session, year: int) -> list[FindingDraft]:
    """No grant is approved before its public notice is over (domain 7.4, 10)."""
    rows = _rows(
        session,
        """
        select c.id, c.number, g.approved_on, max(b.ends_on) as ends_on
        from relief_grant g
        join case_record c on c.tenant = g.tenant and c.id = g.case_id
        left join notice_item i on i.tenant = c.tenant and i.case_id = c.id
        left join notice_batch b on b.tenant = i.tenant and b.id = i.batch_id
        where g.tenant = :tenant and g.year = :year
        group by c.id, c.number, g.approved_on
        having max(b.ends_on) is null or g.approved_on <= max(b.ends_on)
        """,
        year=year,
    )
    return [
        FindingDraft(
            f"case:{row.id}",
            f"{row.number} {'未经公示' if row.ends_on is None else f'公示至 {row.ends_on}'}即于 {row.approved_on} 批准",
            "case",
            row.id,
            {"number": row.number},
        )
        for row in rows
    ]


def earmark_broken(session: Session, year: int) -> list[FindingDraft]:
    """Money given for a purpose leaves only for that purpose (专款专用, domain 7.1)."""
    rows = _rows(
        session,
        """
        select e.id, e.voucher, count(distinct (a.source, a.purpose)) as purposes, bool_or(a.purpose <> g.purpose) as other
        from ledger_entry e
        cross join lateral jsonb_array_elements(e.legs) as leg
        join fund_account a on a.tenant = e.tenant and a.id = (leg ->> 'account')::uuid
        left join relief_grant g on g.tenant = e.tenant and g.id = e.grant_id
        where e.tenant = :tenant and e.year = :year
        group by e.id, e.voucher
        having count(distinct (a.source, a.purpose)) > 1 or bool_or(a.purpose <> g.purpose)
        """,
        year=year,
    )
    return [
        FindingDraft(
            f"entry:{row.id}", f"第 {row.voucher} 号凭证改变了资金用途", "ledger_entry", row.id, {"voucher": row.voucher}
        )
        for row in rows
    ]


def _together(ids: Sequence[uuid.UUID]) -> str:
    """One short name for several rows, the same at every installation: a token would hang on the installation's key."""
    return hashlib.sha256(b"".join(sorted(one.bytes for one in ids))).hexdigest()[:32]


def one_account_several_households(session: Session, _year: int) -> list[FindingDraft]:
    """One bank account belongs to one household (domain 10)."""
    rows = _rows(
        session,
        """
        select array_agg(household_id order by file_number) as households,
               array_agg(file_number order by file_number) as numbers
        from worker_file where tenant = :tenant and account_token is not null and status = 'on_file'
        group by account_token having count(*) > 1
        """,
    )
    return [
        FindingDraft(
            f"account:{_together(row.households)}",
            f"{len(row.numbers)} 户共用同一银行账户：{'、'.join(row.numbers)}",
            "household",
            row.households[0],
            {"files": list(row.numbers), "households": [str(item) for item in row.households]},
        )
        for row in rows
    ]


def file_stale(session: Session, _year: int) -> list[FindingDraft]:
    """A file unchanged for longer than the parameter allows is handled separately (一年未改档案, domain 10)."""
    from core.parameters.service import resolve

    today = current_scope().business_date
    days = int(resolve(session, today).value("stale_after_days"))
    rows = _rows(
        session,
        """
        select household_id, file_number, updated_on from worker_file
        where tenant = :tenant and status = 'on_file' and updated_on < :limit
        """,
        limit=today - timedelta(days=days),
    )
    return [
        FindingDraft(
            f"file:{row.file_number}",
            f"档案 {row.file_number} 自 {row.updated_on} 起未更新",
            "household",
            row.household_id,
            {"file": row.file_number, "updated_on": row.updated_on.isoformat()},
        )
        for row in rows
    ]


def member_never_surveyed(session: Session, _year: int) -> list[FindingDraft]:
    """Every member of a household on file has been surveyed (domain 7.5)."""
    rows = _rows(
        session,
        """
        with latest as (
            select distinct on (household_id, person_id) household_id, person_id, present from membership
            where tenant = :tenant and valid_from <= :today
            order by household_id, person_id, valid_from desc, recorded_at desc
        )
        select l.household_id, l.person_id, f.file_number
        from latest l
        join worker_file f on f.tenant = :tenant and f.household_id = l.household_id and f.status = 'on_file'
        where l.present and not exists (
            select 1 from person_fact p where p.tenant = :tenant and p.person_id = l.person_id)
        and not exists (
            select 1 from record_merge r where r.tenant = :tenant and r.merged_id = l.person_id and r.undone_on is null)
        """,
        today=current_scope().business_date,
    )
    return [
        FindingDraft(
            f"person:{row.person_id}",
            f"档案 {row.file_number} 有成员从未调查",
            "household",
            row.household_id,
            {"file": row.file_number, "person": str(row.person_id)},
        )
        for row in rows
    ]
