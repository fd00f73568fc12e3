"""What is declared of personal data: whoever adds a table or a column learns here what to say of it."""

from __future__ import annotations

import re
from importlib import import_module

from sqlalchemy import LargeBinary, Table

from core.rights import catalogue
from core.rights.catalogue import About, is_text, way

for module in ("core.models", "plugins.mutual_aid.models", "plugins.warm_visits.models"):
    import_module(module)

NOT_ABOUT_PERSONS = {
    "figures of the tenant": {
        "announcement",
        "fact",
        "audit_run",
        "survey_round",
        "parameter_forecast",
        "tenant_counter",
        "identity_question_count",
    },
    "what holds in the tenant": {
        *("parameter_proposal", "parameter_set", "tenant_parameter", "plugin_rule", "plugin_setting_change"),
        *("onboarding_profile", "role_permission", "tenant_plugin", "tenant_plugin_change", "county_closing"),
    },
    "of the office's people": {"opening", "permission_use"},
    "keys and chains": {"tenant_key", "trail_head", "trail_link"},
    "ids alone": {"job", "job_chunk", "outbox"},
    "of many at once": {"fund_account", "payment_batch", "opening_balance", "notice_batch", "mutual_aid.batch"},
    "goods, routes and seasons": {"warm_visits.season", "warm_visits.goods", "warm_visits.route"},
    "of firms": {"employer", "employer_change", "employer_test"},
    "found by the keyed hash of the number": {"identity_mark"},
    "a spreadsheet of many; values are masked, and go with the import": {
        *("roster_import", "roster_part", "roster_problem", "roster_heading"),
    },
    "made to be fetched within days, sealed under the tenant's key": {"printed_file"},
}
"""Tables whose rows tell of no person in difficulty, or of none that can be named, and why."""
STAFF = re.compile(r"actor|clerk|assigned_to|(asked|proposed)_persons|unlike|visitors|handlers|.*_by")
"""Columns with keys or names of the office's people."""
CODES = frozenset(
    {
        *(
            "kind",
            "state",
            "status",
            "plugin",
            "programme",
            "workflow",
            "outcome",
            "severity",
            "check_code",
            "clause",
            "number",
        ),
        *(
            "subject_kind",
            "source",
            "purpose",
            "occurrence",
            "direction",
            "peer",
            "peer_number",
            "step",
            "from_state",
            "to_state",
        ),
        *("transition", "target", "role", "relation", "gender", "identity_status", "employment_status", "education"),
        *("medical_insurance", "field", "former_kind", "former_status", "former_tenant", "categories", "employer_nature"),
        *("employer_condition", "industry", "model_worker_rank", "main_cause", "secondary_causes", "applied_programmes"),
        *(
            "housing_kind",
            "property_flags",
            "rule_set",
            "rule_version",
            "settled_as",
            "way",
            "kind_before",
            "kind_after",
            "ground",
        ),
        *(
            "decides",
            "part",
            "plan",
            "media_type",
            "asker",
            "action",
            "what",
            "permission",
            "shown",
            "outside_state",
            "bank_reason",
        ),
        *(
            "file_number",
            "peer_file_number",
            "opening_key",
            "fingerprint",
            "idempotency_key",
            "storage_name",
            "matter",
            "objects",
        ),
    }
)
"""Names of columns that hold codes, numbers of files and cases, and keys: never words about somebody."""
KEPT = {
    "audit_finding.title": "what the check is called",
    "audit_finding.detail": "ids and amounts",
    "case_decision.snapshot": "ids, amounts and days",
    "determination.inputs": "figures and days of birth under ids alone: the audit runs the decision again from them",
    "determination.amounts": "figures",
    "determination.reasons": "codes",
    "document.sealed_sha256": "a digest",
    "document.sha256": "a digest",
    "duplicate_proposal.reasons": "codes",
    "envelope.body": "without personal data",
    "file_step.reason": "a code",
    "handler_change.added": "keys of the office's people",
    "handler_change.removed": "keys of the office's people",
    "handler_change.reason": "why handlers of a confidential case change, which its handlers alone see",
    "handler_change.order_number": "number of another authority's order",
    "handler_change.decided_why": "as the reason",
    "household_change.steps": "ids and codes",
    "household_change.before": "ids and codes",
    "household_transfer.twice": "numbers of files",
    "identity_query.keeper": "code of the county that keeps the file",
    "ledger_entry.legs": "ids and amounts",
    "ledger_entry.note": "what was booked, by the number of a batch or document",
    "membership.reason": "a code",
    "payment_reversal.reason": "a code",
    "payment_reversal.slip": "number of the bank's slip",
    "trail_entry.content": "ids and codes; it is hashed",
    "worker_file.data_entry_clerk": "of the office's people",
    "worker_file.file_opener": "of the office's people",
    "worker_file.pinyin": "the worker's, which the database empties with that person's",
    "worker_file.reviewer": "of the office's people",
}
"""Columns in words that an erasure leaves, and why nobody can be told by them."""


def tenant_tables() -> list[Table]:
    """The tables of the core and of the built-in lines; some other test may have loaded more."""
    return [table for table in catalogue.tenant_tables() if table.schema in {None, "mutual_aid", "warm_visits"}]


def _about() -> list[About]:
    return [about for table in tenant_tables() if (about := way(table)) is not None]


def test_every_table_tells_of_persons_by_a_way_or_of_none() -> None:
    without = {table.fullname for table in tenant_tables() if way(table) is None}
    assert without == set().union(*NOT_ABOUT_PERSONS.values())


def test_every_word_is_emptied_or_tells_nobody() -> None:
    """A text or binary column of a table that tells of persons is declared ``personal`` on its table, or named here."""
    unsaid, used = [], set()
    for about in _about():
        if about.rule.deletable:
            continue
        for column in about.table.columns:
            name = f"{about.table.fullname}.{column.name}"
            words = is_text(column) or isinstance(column.type, LargeBinary)
            if not words or column.name in about.rule.personal or column.name == "tenant":
                continue
            if name in KEPT:
                used.add(name)
            elif not STAFF.fullmatch(column.name) and column.name not in CODES:
                unsaid.append(name)
    assert unsaid == []
    assert used == KEPT.keys()


def test_what_is_declared_personal_is_there() -> None:
    for table in tenant_tables():
        rule = About(table, "").rule
        assert {*rule.personal, *filter(None, [rule.subject])} <= set(table.columns.keys()), table.fullname
        assert not rule.personal or way(table) is not None, f"{table.fullname}: nothing leads to whom it is about"


def test_ways_lead_through_keys_and_never_to_another_person() -> None:
    known = {about.table.fullname: about.condition for about in _about()}
    assert known["membership"] == "t.person_id = any (:persons)"
    assert known["worker_file"] == "t.worker_id = any (:persons)"
    assert "t.person_id is null and" in known["party"]
    assert "relief_grant" in known["instalment"]
    assert known["mutual_aid.member"] == "t.worker_id = any (:persons)"
    assert "warm_visits.stop" in known["warm_visits.visit"]
