create extension if not exists btree_gist;

create function public.erasure_confirmed() returns boolean language plpgsql stable as $$
begin
    return exists (select from public.erasure e
        where e.tenant = nullif(current_setting('app.tenant', true), '')::char(6)
            and e.id = nullif(current_setting('app.erasing', true), '')::uuid
            and e.state = 'done' and e.xmin = pg_current_xact_id()::xid);
end $$;

create function public.refuse_but_erasure() returns trigger language plpgsql as $$
begin
    if not public.erasure_confirmed() then
        raise insufficient_privilege using message = 'only an erasure empties ' || tg_table_name;
    end if;
    return new;
end $$;

CREATE TABLE account (
    id UUID NOT NULL,
    login TEXT NOT NULL,
    display_name TEXT NOT NULL,
    password_hash VARCHAR,
    subject TEXT,
    is_program BOOLEAN NOT NULL,
    must_change_password BOOLEAN NOT NULL,
    totp_cipher BYTEA,
    totp_step BIGINT,
    disabled_at TIMESTAMP WITH TIME ZONE,
    disabled_why VARCHAR,
    enabled_at TIMESTAMP WITH TIME ZONE,
    signed_in_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT uq_account_login UNIQUE (login),
    CONSTRAINT uq_account_subject UNIQUE (subject)
);

grant select, insert, update on account to bangfu_app;

CREATE TABLE announcement (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    year INTEGER NOT NULL,
    edition INTEGER NOT NULL,
    title TEXT NOT NULL,
    published_on DATE NOT NULL,
    published_by TEXT NOT NULL,
    figures JSONB NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_announcement PRIMARY KEY (tenant, id),
    CONSTRAINT uq_announcement_tenant_year_edition UNIQUE (tenant, year, edition)
);

CREATE INDEX ix_announcement_published ON announcement (tenant, published_on);

alter table announcement enable row level security;

alter table announcement force row level security;

create policy seen on announcement for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on announcement for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on announcement to bangfu_app;

CREATE TABLE audit_finding (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    year INTEGER NOT NULL,
    check_code TEXT NOT NULL,
    severity TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    title TEXT NOT NULL,
    detail JSONB NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id UUID,
    clause TEXT NOT NULL,
    state TEXT NOT NULL,
    found_on DATE NOT NULL,
    due_on DATE,
    answer VARCHAR,
    answered_by VARCHAR,
    answered_on DATE,
    reopened_on DATE,
    version INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_audit_finding PRIMARY KEY (tenant, id),
    CONSTRAINT uq_audit_finding_tenant_year_check_code_fingerprint UNIQUE (tenant, year, check_code, fingerprint),
    CONSTRAINT ck_audit_finding_severity CHECK (severity in ('critical', 'major', 'minor')),
    CONSTRAINT ck_audit_finding_state CHECK (state in ('open', 'explained', 'rectified', 'dismissed'))
);

CREATE INDEX ix_audit_finding_list ON audit_finding (tenant, year, severity, id);

alter table audit_finding enable row level security;

alter table audit_finding force row level security;

create policy seen on audit_finding for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on audit_finding for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on audit_finding for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on audit_finding to bangfu_app;

CREATE TABLE audit_run (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    year INTEGER NOT NULL,
    run_on DATE NOT NULL,
    actor TEXT NOT NULL,
    checks JSONB NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_audit_run PRIMARY KEY (tenant, id)
);

alter table audit_run enable row level security;

alter table audit_run force row level security;

create policy seen on audit_run for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on audit_run for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on audit_run to bangfu_app;

CREATE TABLE business_clock (
    id SERIAL NOT NULL,
    "on" DATE NOT NULL,
    set_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_business_clock PRIMARY KEY (id)
);

grant select on business_clock to bangfu_app;

CREATE TABLE case_record (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    number TEXT NOT NULL,
    plugin TEXT NOT NULL,
    programme VARCHAR,
    workflow TEXT NOT NULL,
    workflow_version INTEGER NOT NULL,
    state TEXT NOT NULL,
    clerk TEXT NOT NULL,
    assigned_to VARCHAR,
    opened_on DATE NOT NULL,
    closed_on DATE,
    form JSONB NOT NULL,
    form_cipher BYTEA,
    determination_id UUID,
    requested_fen BIGINT,
    opening_key VARCHAR,
    outside_state VARCHAR,
    version INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_case_record PRIMARY KEY (tenant, id),
    CONSTRAINT uq_case_record_tenant_number UNIQUE (tenant, number),
    CONSTRAINT uq_case_record_tenant_id_clerk UNIQUE (tenant, id, clerk),
    CONSTRAINT uq_case_record_tenant_opening_key UNIQUE (tenant, opening_key)
);

CREATE INDEX ix_case_list ON case_record (tenant, plugin, state, id) INCLUDE (handlers);

alter table case_record enable row level security;

alter table case_record force row level security;

create policy seen on case_record for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on case_record for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on case_record for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of form, form_cipher on case_record for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (state, assigned_to, closed_on, outside_state, version, handlers, form, form_cipher) on case_record to bangfu_app;

CREATE TABLE county_closing (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    closing CHAR(6) NOT NULL,
    successor CHAR(6),
    reason TEXT NOT NULL,
    preview JSONB NOT NULL,
    state TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_persons TEXT[] NOT NULL,
    asked_on DATE NOT NULL,
    decided_by VARCHAR,
    decided_on DATE,
    decided_why VARCHAR,
    stopped_by VARCHAR,
    stopped_on DATE,
    stopped_why VARCHAR,
    job_id UUID,
    result JSONB NOT NULL,
    done_on DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_county_closing PRIMARY KEY (tenant, id),
    CONSTRAINT ck_county_closing_state CHECK (state in ('asked', 'agreed', 'refused', 'withdrawn', 'stopped', 'done')),
    CONSTRAINT ck_county_closing_not_into_itself CHECK (closing <> successor),
    CONSTRAINT ck_county_closing_stopped_by_somebody CHECK ((state = 'stopped') = (stopped_by is not null)),
    CONSTRAINT ck_county_closing_decided_by_somebody CHECK ((state in ('agreed', 'refused', 'stopped', 'done')) = (decided_by is not null)),
    CONSTRAINT ck_county_closing_asked_by_a_person CHECK (asked_by = any (asked_persons)),
    CONSTRAINT ck_county_closing_two_people CHECK (decided_by <> all (asked_persons)),
    CONSTRAINT ck_county_closing_done_on_a_day CHECK ((state = 'done') = (done_on is not null))
);

CREATE UNIQUE INDEX uq_county_closing_one_live ON county_closing (tenant, closing) WHERE state in ('asked', 'agreed', 'done');

alter table county_closing enable row level security;

alter table county_closing force row level security;

create policy seen on county_closing for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on county_closing for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on county_closing for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (state, decided_by, decided_on, decided_why, job_id, result, done_on, stopped_by, stopped_on, stopped_why) on county_closing to bangfu_app;

CREATE TABLE employer (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    pinyin TEXT NOT NULL,
    spoken TEXT NOT NULL,
    initials TEXT NOT NULL,
    credit_code VARCHAR,
    nature VARCHAR,
    industry VARCHAR,
    condition VARCHAR,
    loss_years INTEGER[] NOT NULL,
    bankrupt_on DATE,
    court_reference VARCHAR,
    allowance_unpaid BOOLEAN,
    contact_name VARCHAR,
    office_phone VARCHAR,
    address VARCHAR,
    version INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_employer PRIMARY KEY (tenant, id),
    CONSTRAINT ck_employer_bankruptcy CHECK ((bankrupt_on is null) = (court_reference is null))
);

CREATE INDEX ix_employer_pinyin ON employer (tenant, pinyin, id);

CREATE UNIQUE INDEX uq_employer_credit_code ON employer (tenant, credit_code) WHERE credit_code is not null;

alter table employer enable row level security;

alter table employer force row level security;

create policy seen on employer for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on employer for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on employer for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on employer to bangfu_app;

CREATE TABLE envelope (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    envelope_id UUID NOT NULL,
    direction TEXT NOT NULL,
    peer CHAR(6) NOT NULL,
    kind TEXT NOT NULL,
    in_reply_to UUID,
    state TEXT NOT NULL,
    case_id UUID,
    body JSONB NOT NULL,
    body_cipher BYTEA,
    sealed_on DATE NOT NULL,
    delivered_on DATE,
    acknowledged_on DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_envelope PRIMARY KEY (tenant, id),
    CONSTRAINT uq_envelope_tenant_envelope_id_direction UNIQUE (tenant, envelope_id, direction),
    CONSTRAINT ck_envelope_direction CHECK (direction in ('out', 'in')),
    CONSTRAINT ck_envelope_state CHECK (state in ('sealed', 'delivered', 'taken', 'returned', 'answered', 'closed', 'undelivered'))
);

CREATE INDEX ix_envelope_state ON envelope (tenant, direction, state);

alter table envelope enable row level security;

alter table envelope force row level security;

create policy seen on envelope for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on envelope for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on envelope for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on envelope to bangfu_app;

CREATE TABLE fact (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    prefecture CHAR(6),
    province CHAR(6) NOT NULL,
    name TEXT NOT NULL,
    period TEXT NOT NULL,
    dimension TEXT NOT NULL,
    value BIGINT NOT NULL,
    as_of DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_fact PRIMARY KEY (tenant, id),
    CONSTRAINT uq_fact_tenant_name_period_dimension UNIQUE (tenant, name, period, dimension)
);

CREATE INDEX ix_fact_prefecture ON fact (prefecture, name, period);

CREATE INDEX ix_fact_province ON fact (province, name, period);

alter table fact enable row level security;

alter table fact force row level security;

create policy seen on fact for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) or prefecture = nullif(current_setting('app.tenant', true), '')::char(6) or province = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on fact for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on fact for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on fact to bangfu_app;

CREATE TABLE fund_account (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    year INTEGER NOT NULL,
    source TEXT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    balance_fen BIGINT NOT NULL,
    CONSTRAINT pk_fund_account PRIMARY KEY (tenant, id),
    CONSTRAINT uq_fund_account_tenant_id_year UNIQUE (tenant, id, year),
    CONSTRAINT uq_fund_account_tenant_year_source_purpose_state UNIQUE (tenant, year, source, purpose, state),
    CONSTRAINT ck_fund_account_source CHECK (source ~ '^[a-z][a-z0-9_]*$'),
    CONSTRAINT ck_fund_account_state CHECK (state in ('income', 'available', 'reserved', 'paid', 'carried')),
    CONSTRAINT ck_fund_account_no_overdraft CHECK (state in ('income', 'carried') or balance_fen >= 0),
    CONSTRAINT ck_fund_account_income_is_a_source CHECK (state <> 'income' or balance_fen <= 0)
);

alter table fund_account enable row level security;

alter table fund_account force row level security;

create policy seen on fund_account for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on fund_account for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on fund_account for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (balance_fen) on fund_account to bangfu_app;

CREATE TABLE household (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    address TEXT NOT NULL,
    house_number_cipher BYTEA,
    postcode VARCHAR,
    housing_kind VARCHAR,
    floor_area_dm2 INTEGER,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_household PRIMARY KEY (tenant, id)
);

alter table household enable row level security;

alter table household force row level security;

create policy seen on household for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on household for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on household for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on household to bangfu_app;

CREATE TABLE identity_mark (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    province CHAR(6) NOT NULL,
    hash BYTEA NOT NULL,
    year INTEGER NOT NULL,
    matter TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_identity_mark PRIMARY KEY (tenant, id),
    CONSTRAINT uq_identity_mark_tenant_hash_year_matter UNIQUE (tenant, hash, year, matter)
);

CREATE INDEX ix_identity_mark_aided ON identity_mark (province, year, matter, hash) WHERE matter <> 'on_file';

CREATE INDEX ix_identity_mark_hash ON identity_mark (hash);

alter table identity_mark enable row level security;

alter table identity_mark force row level security;

create policy seen on identity_mark for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) or hash = decode(nullif(current_setting('app.lookup', true), ''), 'hex') or (current_setting('app.level', true) = 'province' and province = nullif(current_setting('app.tenant', true), '')::char(6)));

create policy written on identity_mark for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on identity_mark for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy removed on identity_mark for delete using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update, delete on identity_mark to bangfu_app;

CREATE TABLE identity_question_count (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    on_day DATE NOT NULL,
    actor TEXT NOT NULL,
    asked INTEGER NOT NULL,
    in_vain INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_identity_question_count PRIMARY KEY (tenant, id),
    CONSTRAINT uq_identity_question_count_tenant_on_day_actor UNIQUE (tenant, on_day, actor),
    CONSTRAINT ck_identity_question_count_in_vain CHECK (in_vain <= asked)
);

alter table identity_question_count enable row level security;

alter table identity_question_count force row level security;

create policy seen on identity_question_count for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on identity_question_count for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on identity_question_count for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (asked, in_vain) on identity_question_count to bangfu_app;

CREATE TABLE installation (
    key TEXT NOT NULL,
    value JSONB NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_installation PRIMARY KEY (key)
);

grant select on installation to bangfu_app;

CREATE TABLE job (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    permissions TEXT[] NOT NULL,
    business_date DATE NOT NULL,
    params JSONB NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    result JSONB NOT NULL,
    error VARCHAR,
    cancel_requested BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    heartbeat_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    handlers TEXT[],
    CONSTRAINT pk_job PRIMARY KEY (tenant, id),
    CONSTRAINT uq_job_tenant_kind_key UNIQUE (tenant, kind, key),
    CONSTRAINT ck_job_state CHECK (state in ('queued', 'running', 'done', 'failed', 'cancelled'))
);

CREATE INDEX ix_job_state ON job (tenant, state) INCLUDE (handlers);

alter table job enable row level security;

alter table job force row level security;

create policy seen on job for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on job for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on job for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on job to bangfu_app;

CREATE TABLE national_parameter (
    name TEXT NOT NULL,
    valid_from DATE NOT NULL,
    value JSONB NOT NULL,
    source TEXT NOT NULL,
    clause TEXT NOT NULL,
    CONSTRAINT pk_national_parameter PRIMARY KEY (name, valid_from)
);

grant select on national_parameter to bangfu_app;

CREATE TABLE notice_batch (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    number TEXT NOT NULL,
    title TEXT NOT NULL,
    posted_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    working_days INTEGER NOT NULL,
    provisional BOOLEAN NOT NULL,
    clause TEXT NOT NULL,
    posted_by TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_notice_batch PRIMARY KEY (tenant, id),
    CONSTRAINT uq_notice_batch_tenant_number UNIQUE (tenant, number)
);

alter table notice_batch enable row level security;

alter table notice_batch force row level security;

create policy seen on notice_batch for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on notice_batch for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on notice_batch for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on notice_batch to bangfu_app;

CREATE TABLE onboarding_profile (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    code TEXT NOT NULL,
    version INTEGER NOT NULL,
    title TEXT NOT NULL,
    valid_from DATE NOT NULL,
    plugins TEXT[] NOT NULL,
    settings JSONB NOT NULL,
    retired BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_onboarding_profile PRIMARY KEY (tenant, id),
    CONSTRAINT uq_onboarding_profile_tenant_code_version UNIQUE (tenant, code, version),
    CONSTRAINT ck_onboarding_profile_code CHECK (code ~ '^[a-z][a-z0-9_]*$')
);

alter table onboarding_profile enable row level security;

alter table onboarding_profile force row level security;

create policy seen on onboarding_profile for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) or tenant = nullif(current_setting('app.prefecture', true), '')::char(6) or tenant = nullif(current_setting('app.province', true), '')::char(6));

create policy written on onboarding_profile for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on onboarding_profile to bangfu_app;

CREATE TABLE opening (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    guest TEXT NOT NULL,
    guest_tenant CHAR(6) NOT NULL,
    reason TEXT NOT NULL,
    until DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_opening PRIMARY KEY (tenant, id)
);

alter table opening enable row level security;

alter table opening force row level security;

create policy seen on opening for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on opening for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on opening to bangfu_app;

CREATE TABLE outbox (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    topic TEXT NOT NULL,
    payload JSONB NOT NULL,
    attempts INTEGER NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    not_before TIMESTAMP WITH TIME ZONE,
    error VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_outbox PRIMARY KEY (tenant, id)
);

CREATE INDEX ix_outbox_unsent ON outbox (tenant, at) WHERE sent_at is null;

alter table outbox enable row level security;

alter table outbox force row level security;

create policy seen on outbox for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on outbox for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on outbox for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy removed on outbox for delete using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and at < now() - interval '6 months' and sent_at < now() - interval '6 months');

grant select, insert, update (attempts, sent_at, not_before, error), delete on outbox to bangfu_app;

CREATE TABLE parameter_proposal (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    valid_from DATE NOT NULL,
    value JSONB,
    source TEXT NOT NULL,
    clause TEXT NOT NULL,
    reason TEXT NOT NULL,
    restores UUID,
    state TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    decided_by VARCHAR,
    decided_on DATE,
    note VARCHAR,
    CONSTRAINT pk_parameter_proposal PRIMARY KEY (tenant, id),
    CONSTRAINT ck_parameter_proposal_state CHECK (state in ('open', 'adopted', 'refused', 'withdrawn')),
    CONSTRAINT ck_parameter_proposal_decided CHECK ((state = 'open') = (decided_by is null)),
    CONSTRAINT ck_parameter_proposal_two_people CHECK (state not in ('adopted', 'refused') or decided_by <> proposed_by)
);

CREATE INDEX ix_parameter_proposal_name ON parameter_proposal (tenant, name, id);

CREATE UNIQUE INDEX ix_parameter_proposal_open ON parameter_proposal (tenant, name) WHERE state = 'open';

alter table parameter_proposal enable row level security;

alter table parameter_proposal force row level security;

create policy seen on parameter_proposal for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on parameter_proposal for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on parameter_proposal for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (state, decided_by, decided_on, note) on parameter_proposal to bangfu_app;

CREATE TABLE parameter_set (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    digest TEXT NOT NULL,
    as_of DATE NOT NULL,
    entries JSONB NOT NULL,
    CONSTRAINT pk_parameter_set PRIMARY KEY (tenant, id),
    CONSTRAINT uq_parameter_set_tenant_digest UNIQUE (tenant, digest)
);

alter table parameter_set enable row level security;

alter table parameter_set force row level security;

create policy seen on parameter_set for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on parameter_set for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on parameter_set to bangfu_app;

CREATE TABLE payment_batch (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    number TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL,
    year INTEGER NOT NULL,
    total_fen BIGINT NOT NULL,
    items INTEGER NOT NULL,
    prepared_by TEXT NOT NULL,
    prepared_on DATE NOT NULL,
    approved_by VARCHAR,
    approved_on DATE,
    paid_by VARCHAR,
    sent_on DATE,
    returned_by VARCHAR,
    returned_on DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_payment_batch PRIMARY KEY (tenant, id),
    CONSTRAINT uq_payment_batch_tenant_number UNIQUE (tenant, number),
    CONSTRAINT uq_payment_batch_tenant_idempotency_key UNIQUE (tenant, idempotency_key),
    CONSTRAINT ck_payment_batch_state CHECK (state in ('draft', 'approved', 'sent', 'returned', 'cancelled')),
    CONSTRAINT ck_payment_batch_approver_is_not_the_manager CHECK (approved_by is null or approved_by <> prepared_by),
    CONSTRAINT ck_payment_batch_payer_is_a_third_person CHECK (paid_by is null or (paid_by <> prepared_by and paid_by <> approved_by)),
    CONSTRAINT ck_payment_batch_return_by_a_third_person CHECK (returned_by is null or (returned_by <> prepared_by and returned_by <> approved_by)),
    CONSTRAINT ck_payment_batch_approved_first CHECK (state = 'cancelled' or (state = 'draft') = (approved_by is null)),
    CONSTRAINT ck_payment_batch_sent_by_somebody CHECK ((state in ('sent', 'returned')) = (paid_by is not null)),
    CONSTRAINT ck_payment_batch_returned_by_somebody CHECK ((state = 'returned') = (returned_by is not null))
);

alter table payment_batch enable row level security;

alter table payment_batch force row level security;

create policy seen on payment_batch for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on payment_batch for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on payment_batch for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (state, approved_by, approved_on, paid_by, sent_on, returned_by, returned_on) on payment_batch to bangfu_app;

CREATE TABLE permission_use (
    tenant CHAR(6) NOT NULL,
    actor TEXT NOT NULL,
    permission TEXT NOT NULL,
    last_used_on DATE NOT NULL,
    CONSTRAINT pk_permission_use PRIMARY KEY (tenant, actor, permission)
);

alter table permission_use enable row level security;

alter table permission_use force row level security;

create policy seen on permission_use for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on permission_use for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on permission_use for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (last_used_on) on permission_use to bangfu_app;

CREATE TABLE person (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    pinyin TEXT COLLATE "C" NOT NULL,
    gender TEXT NOT NULL,
    birth_date DATE,
    died_on DATE,
    ethnic_group VARCHAR,
    political_status VARCHAR,
    marital_status VARCHAR,
    registration_kind VARCHAR,
    registration_division CHAR(6),
    wrapped_key BYTEA,
    identity_cipher BYTEA,
    identity_masked VARCHAR,
    identity_token BYTEA,
    phone_cipher BYTEA,
    phone_masked VARCHAR,
    phone_token BYTEA,
    erased_at TIMESTAMP WITH TIME ZONE,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    spelling TEXT COLLATE "C",
    sounds TEXT COLLATE "C",
    initials TEXT COLLATE "C",
    given_name TEXT COLLATE "C",
    last_four TEXT COLLATE "C",
    phone_last_four TEXT COLLATE "C",
    CONSTRAINT pk_person PRIMARY KEY (tenant, id),
    CONSTRAINT uq_person_tenant_identity_token UNIQUE (tenant, identity_token),
    CONSTRAINT ck_person_gender CHECK (gender in ('0', '1', '2', '9')),
    CONSTRAINT ck_person_erased CHECK (erased_at is null or num_nonnulls(wrapped_key, identity_cipher, identity_token, phone_cipher, phone_token, birth_date, spelling, sounds, initials, given_name, last_four, phone_last_four) = 0)
);

CREATE INDEX ix_person_given_name ON person (tenant, given_name);

CREATE INDEX ix_person_initials ON person (tenant, initials);

CREATE INDEX ix_person_last_four ON person (tenant, last_four);

CREATE INDEX ix_person_phone_last_four ON person (tenant, phone_last_four) WHERE phone_last_four is not null;

CREATE INDEX ix_person_phone_token ON person (tenant, phone_token) WHERE phone_token is not null;

CREATE INDEX ix_person_pinyin ON person (tenant, pinyin, id);

CREATE INDEX ix_person_sounds ON person (tenant, sounds, spelling);

alter table person enable row level security;

alter table person force row level security;

create policy seen on person for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on person for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on person for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create function person_kept_1() returns trigger language plpgsql as $$
begin
    update public.worker_file set pinyin = new.pinyin where tenant = new.tenant and worker_id = new.id;
    return new;
end $$;

create trigger kept_1 after update of pinyin on person for each row when (new.pinyin <> old.pinyin) execute function person_kept_1();

grant select, insert, update on person to bangfu_app;

CREATE TABLE plugin_fault (
    plugin TEXT NOT NULL,
    place TEXT NOT NULL,
    version TEXT NOT NULL,
    said TEXT NOT NULL,
    trace TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_plugin_fault PRIMARY KEY (plugin, place)
);

grant select, insert, update on plugin_fault to bangfu_app;

CREATE TABLE plugin_quarantine (
    plugin TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    lifted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_plugin_quarantine PRIMARY KEY (plugin)
);

grant select, insert, update on plugin_quarantine to bangfu_app;

CREATE TABLE plugin_rule (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    plugin TEXT NOT NULL,
    version INTEGER NOT NULL,
    prefecture CHAR(6),
    word TEXT NOT NULL,
    valid_from DATE NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_plugin_rule PRIMARY KEY (tenant, id),
    CONSTRAINT uq_plugin_rule_tenant_plugin_version UNIQUE (tenant, plugin, version),
    CONSTRAINT ck_plugin_rule_word CHECK (word in ('require', 'forbid', 'free', 'general')),
    CONSTRAINT ck_plugin_rule_general CHECK (word <> 'general' or prefecture is not null)
);

alter table plugin_rule enable row level security;

alter table plugin_rule force row level security;

create policy seen on plugin_rule for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) or tenant = nullif(current_setting('app.prefecture', true), '')::char(6) or tenant = nullif(current_setting('app.province', true), '')::char(6));

create policy written on plugin_rule for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on plugin_rule to bangfu_app;

CREATE TABLE plugin_setting_change (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    plugin TEXT NOT NULL,
    version INTEGER NOT NULL,
    valid_from DATE NOT NULL,
    given JSONB NOT NULL,
    secrets JSONB NOT NULL,
    resets TEXT[] NOT NULL,
    locks JSONB NOT NULL,
    withdraws INTEGER[] NOT NULL,
    restores INTEGER,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_plugin_setting_change PRIMARY KEY (tenant, id),
    CONSTRAINT uq_plugin_setting_change_tenant_plugin_version UNIQUE (tenant, plugin, version)
);

alter table plugin_setting_change enable row level security;

alter table plugin_setting_change force row level security;

create policy seen on plugin_setting_change for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) or tenant = nullif(current_setting('app.prefecture', true), '')::char(6) or tenant = nullif(current_setting('app.province', true), '')::char(6));

create policy written on plugin_setting_change for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on plugin_setting_change to bangfu_app;

CREATE TABLE printed_file (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    batch UUID NOT NULL,
    no INTEGER NOT NULL,
    title TEXT NOT NULL,
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    items INTEGER NOT NULL,
    masked BOOLEAN NOT NULL,
    sealed BYTEA NOT NULL,
    made_by TEXT NOT NULL,
    made_on DATE NOT NULL,
    expires_on DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_printed_file PRIMARY KEY (tenant, id),
    CONSTRAINT uq_printed_file_tenant_batch_no UNIQUE (tenant, batch, no)
);

CREATE INDEX ix_printed_file_made_by ON printed_file (tenant, made_by, id);

alter table printed_file enable row level security;

alter table printed_file force row level security;

create policy seen on printed_file for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on printed_file for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on printed_file for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy removed on printed_file for delete using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, delete on printed_file to bangfu_app;

CREATE TABLE pulse (
    name TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_pulse PRIMARY KEY (name)
);

grant select, insert, update on pulse to bangfu_app;

CREATE TABLE read_log (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    actor TEXT NOT NULL,
    what TEXT NOT NULL,
    permission VARCHAR,
    subject_kind TEXT NOT NULL,
    subject_id UUID,
    reason TEXT NOT NULL,
    shown TEXT[],
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_read_log PRIMARY KEY (tenant, id)
);

CREATE INDEX ix_read_log_actor ON read_log (tenant, actor, id);

CREATE INDEX ix_read_log_subject ON read_log (tenant, subject_id, at);

alter table read_log enable row level security;

alter table read_log force row level security;

create policy seen on read_log for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on read_log for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy erased on read_log for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and public.erasure_confirmed());

grant select, insert, update (reason) on read_log to bangfu_app;

CREATE TABLE record_merge (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    act_id UUID NOT NULL,
    subject_kind TEXT NOT NULL,
    merged_id UUID NOT NULL,
    survivor_id UUID NOT NULL,
    former_status VARCHAR,
    reason TEXT NOT NULL,
    merged_by TEXT NOT NULL,
    merged_on DATE NOT NULL,
    undone_on DATE,
    undone_by VARCHAR,
    undone_why VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_record_merge PRIMARY KEY (tenant, id),
    CONSTRAINT ck_record_merge_subject_kind CHECK (subject_kind in ('person', 'household')),
    CONSTRAINT ck_record_merge_two CHECK (merged_id <> survivor_id),
    CONSTRAINT ck_record_merge_undone CHECK ((undone_on is null) = (undone_by is null))
);

CREATE INDEX ix_record_merge_act ON record_merge (tenant, act_id);

CREATE INDEX ix_record_merge_survivor ON record_merge (tenant, survivor_id) WHERE undone_on is null;

CREATE UNIQUE INDEX uq_record_merge_standing ON record_merge (tenant, merged_id) WHERE undone_on is null;

alter table record_merge enable row level security;

alter table record_merge force row level security;

create policy seen on record_merge for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on record_merge for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on record_merge for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of reason on record_merge for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (undone_on, undone_by, undone_why, reason) on record_merge to bangfu_app;

CREATE TABLE recurring_start (
    kind TEXT NOT NULL,
    period DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_recurring_start PRIMARY KEY (kind)
);

grant select, insert, update on recurring_start to bangfu_app;

CREATE TABLE role_permission (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    role TEXT NOT NULL,
    permission TEXT NOT NULL,
    granted BOOLEAN NOT NULL,
    valid_from DATE NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_role_permission PRIMARY KEY (tenant, id)
);

CREATE INDEX ix_role_permission_role ON role_permission (tenant, role);

alter table role_permission enable row level security;

alter table role_permission force row level security;

create policy seen on role_permission for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on role_permission for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on role_permission to bangfu_app;

CREATE TABLE roster_heading (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    heading TEXT NOT NULL,
    field VARCHAR,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_roster_heading PRIMARY KEY (tenant, id),
    CONSTRAINT uq_roster_heading_tenant_heading UNIQUE (tenant, heading)
);

alter table roster_heading enable row level security;

alter table roster_heading force row level security;

create policy seen on roster_heading for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on roster_heading for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on roster_heading for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy removed on roster_heading for delete using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update, delete on roster_heading to bangfu_app;

CREATE TABLE roster_import (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    digest TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL,
    business_date DATE NOT NULL,
    actor TEXT NOT NULL,
    understanding JSONB NOT NULL,
    samples JSONB NOT NULL,
    refusal JSONB,
    counts JSONB NOT NULL,
    households INTEGER NOT NULL,
    persons INTEGER NOT NULL,
    held_back INTEGER NOT NULL,
    rounds INTEGER NOT NULL,
    job_id UUID,
    checked_at TIMESTAMP WITH TIME ZONE,
    committed_at TIMESTAMP WITH TIME ZONE,
    committed_by VARCHAR,
    kept_until DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_roster_import PRIMARY KEY (tenant, id),
    CONSTRAINT ck_roster_import_state CHECK (state in ('checking', 'checked', 'refused', 'committing', 'committed', 'discarded'))
);

CREATE INDEX ix_roster_import_digest ON roster_import (tenant, digest);

CREATE UNIQUE INDEX uq_roster_import_digest ON roster_import (tenant, digest) WHERE state not in ('committed', 'discarded');

alter table roster_import enable row level security;

alter table roster_import force row level security;

create policy seen on roster_import for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on roster_import for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on roster_import for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on roster_import to bangfu_app;

CREATE TABLE search_token (
    tenant CHAR(6) NOT NULL,
    subject_id UUID NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    subject_kind TEXT NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_search_token PRIMARY KEY (tenant, subject_id, token),
    CONSTRAINT ck_search_token_subject_kind CHECK (subject_kind in ('person', 'case'))
);

CREATE INDEX ix_search_token_case ON search_token (tenant, token) WHERE subject_kind = 'case';

CREATE INDEX ix_search_token_person ON search_token (tenant, token) WHERE subject_kind = 'person';

alter table search_token enable row level security;

alter table search_token force row level security;

create policy seen on search_token for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or subject_id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on search_token for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on search_token for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or subject_id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy removed on search_token for delete using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update, delete on search_token to bangfu_app;

CREATE TABLE seen_token (
    number TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_seen_token PRIMARY KEY (number)
);

grant select, insert, delete on seen_token to bangfu_app;

CREATE TABLE survey_round (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    year INTEGER NOT NULL,
    opened_on DATE NOT NULL,
    decided_on DATE,
    CONSTRAINT pk_survey_round PRIMARY KEY (tenant, id),
    CONSTRAINT uq_survey_round_tenant_year UNIQUE (tenant, year)
);

alter table survey_round enable row level security;

alter table survey_round force row level security;

create policy seen on survey_round for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on survey_round for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on survey_round for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on survey_round to bangfu_app;

CREATE TABLE tenant (
    code CHAR(6) NOT NULL,
    name TEXT NOT NULL,
    union_name TEXT NOT NULL,
    level TEXT NOT NULL,
    province CHAR(6) NOT NULL,
    prefecture CHAR(6),
    parent CHAR(6),
    state TEXT NOT NULL,
    onboarded_on DATE,
    closed_on DATE,
    CONSTRAINT pk_tenant PRIMARY KEY (code),
    CONSTRAINT uq_tenant_code_province UNIQUE (code, province),
    CONSTRAINT uq_tenant_code_prefecture UNIQUE (code, prefecture),
    CONSTRAINT fk_tenant_prefecture_province FOREIGN KEY(prefecture, province) REFERENCES tenant (code, province),
    CONSTRAINT ck_tenant_top CHECK ((level = 'province') = (code = province) and (level <> 'province' or prefecture is null)),
    CONSTRAINT ck_tenant_middle CHECK ((level = 'prefecture') = (prefecture is not null and code = prefecture)),
    CONSTRAINT ck_tenant_level CHECK (level in ('province', 'prefecture', 'county')),
    CONSTRAINT ck_tenant_state CHECK (state in ('planned', 'preparing', 'open', 'suspended', 'read_only', 'closed')),
    CONSTRAINT ck_tenant_closed CHECK ((state = 'closed') = (closed_on is not null)),
    CONSTRAINT fk_tenant_province FOREIGN KEY(province) REFERENCES tenant (code),
    CONSTRAINT fk_tenant_prefecture FOREIGN KEY(prefecture) REFERENCES tenant (code),
    CONSTRAINT fk_tenant_parent FOREIGN KEY(parent) REFERENCES tenant (code)
);

CREATE INDEX ix_tenant_parent ON tenant (parent);

alter table tenant enable row level security;

alter table tenant force row level security;

create policy seen on tenant for select using (true);

create policy written on tenant for insert with check (((current_setting('app.level', true) = 'province' and province = nullif(current_setting('app.tenant', true), '')::char(6)) or (current_setting('app.level', true) = 'prefecture' and prefecture = nullif(current_setting('app.tenant', true), '')::char(6))) and code <> nullif(current_setting('app.tenant', true), '')::char(6) and state = 'planned');

create policy changed on tenant for update using (((current_setting('app.level', true) = 'province' and province = nullif(current_setting('app.tenant', true), '')::char(6)) or (current_setting('app.level', true) = 'prefecture' and prefecture = nullif(current_setting('app.tenant', true), '')::char(6))) and code <> nullif(current_setting('app.tenant', true), '')::char(6)) with check (((current_setting('app.level', true) = 'province' and province = nullif(current_setting('app.tenant', true), '')::char(6)) or (current_setting('app.level', true) = 'prefecture' and prefecture = nullif(current_setting('app.tenant', true), '')::char(6))) and code <> nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (name, union_name, state, onboarded_on, closed_on) on tenant to bangfu_app;

CREATE TABLE tenant_counter (
    tenant CHAR(6) NOT NULL,
    kind TEXT NOT NULL,
    year INTEGER NOT NULL,
    last BIGINT NOT NULL,
    CONSTRAINT pk_tenant_counter PRIMARY KEY (tenant, kind, year)
);

alter table tenant_counter enable row level security;

alter table tenant_counter force row level security;

create policy seen on tenant_counter for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on tenant_counter for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on tenant_counter for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on tenant_counter to bangfu_app;

CREATE TABLE tenant_key (
    tenant CHAR(6) NOT NULL,
    version INTEGER NOT NULL,
    wrapped BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_tenant_key PRIMARY KEY (tenant, version)
);

alter table tenant_key enable row level security;

alter table tenant_key force row level security;

create policy seen on tenant_key for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on tenant_key for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on tenant_key to bangfu_app;

CREATE TABLE tenant_plugin (
    tenant CHAR(6) NOT NULL,
    plugin TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    on_from DATE,
    version INTEGER NOT NULL,
    CONSTRAINT pk_tenant_plugin PRIMARY KEY (tenant, plugin)
);

alter table tenant_plugin enable row level security;

alter table tenant_plugin force row level security;

create policy seen on tenant_plugin for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on tenant_plugin for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on tenant_plugin for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on tenant_plugin to bangfu_app;

CREATE TABLE tenant_plugin_change (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    plugin TEXT NOT NULL,
    version INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    on_from DATE,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_tenant_plugin_change PRIMARY KEY (tenant, id)
);

alter table tenant_plugin_change enable row level security;

alter table tenant_plugin_change force row level security;

create policy seen on tenant_plugin_change for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on tenant_plugin_change for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on tenant_plugin_change to bangfu_app;

CREATE TABLE trail_entry (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    seq BIGINT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id UUID,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    content BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_trail_entry PRIMARY KEY (tenant, id)
);

CREATE INDEX ix_trail_entry_at ON trail_entry (tenant, at);

CREATE INDEX ix_trail_entry_subject ON trail_entry (tenant, subject_id, at);

alter table trail_entry enable row level security;

alter table trail_entry force row level security;

create policy seen on trail_entry for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or subject_id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on trail_entry for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on trail_entry to bangfu_app;

CREATE TABLE trail_head (
    tenant CHAR(6) NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_trail_head PRIMARY KEY (tenant)
);

alter table trail_head enable row level security;

alter table trail_head force row level security;

create policy seen on trail_head for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on trail_head for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on trail_head for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on trail_head to bangfu_app;

CREATE TABLE trail_link (
    tenant CHAR(6) NOT NULL,
    seq BIGINT NOT NULL,
    entry_id UUID NOT NULL,
    content_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_trail_link PRIMARY KEY (tenant, seq)
);

alter table trail_link enable row level security;

alter table trail_link force row level security;

create policy seen on trail_link for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on trail_link for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on trail_link to bangfu_app;

CREATE TABLE workflow_version (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    plugin TEXT NOT NULL,
    definition JSONB NOT NULL,
    form JSONB NOT NULL,
    CONSTRAINT pk_workflow_version PRIMARY KEY (name, version)
);

grant select on workflow_version to bangfu_app;

CREATE TABLE working_day_exception (
    day DATE NOT NULL,
    working BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    CONSTRAINT pk_working_day_exception PRIMARY KEY (day)
);

grant select on working_day_exception to bangfu_app;

CREATE TABLE brought_case (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    peer CHAR(6) NOT NULL,
    peer_number TEXT NOT NULL,
    case_id UUID NOT NULL,
    arrived_on DATE NOT NULL,
    CONSTRAINT pk_brought_case PRIMARY KEY (tenant, id),
    CONSTRAINT uq_brought_case_tenant_peer_peer_number UNIQUE (tenant, peer, peer_number),
    CONSTRAINT fk_brought_case_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id)
);

alter table brought_case enable row level security;

alter table brought_case force row level security;

create policy seen on brought_case for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on brought_case for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on brought_case to bangfu_app;

CREATE TABLE brought_person (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    peer CHAR(6) NOT NULL,
    peer_person_id UUID NOT NULL,
    person_id UUID NOT NULL,
    CONSTRAINT pk_brought_person PRIMARY KEY (tenant, id),
    CONSTRAINT uq_brought_person_tenant_peer_peer_person_id UNIQUE (tenant, peer, peer_person_id),
    CONSTRAINT fk_brought_person_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id)
);

alter table brought_person enable row level security;

alter table brought_person force row level security;

create policy seen on brought_person for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on brought_person for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on brought_person to bangfu_app;

CREATE TABLE case_decision (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    clerk TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason VARCHAR,
    business_date DATE NOT NULL,
    snapshot JSONB NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_case_decision PRIMARY KEY (tenant, id),
    CONSTRAINT ck_case_decision_approver_is_not_the_clerk CHECK (decided_by <> clerk),
    CONSTRAINT ck_case_decision_outcome CHECK (outcome in ('approved', 'refused')),
    CONSTRAINT fk_case_decision_tenant_case_id_clerk FOREIGN KEY(tenant, case_id, clerk) REFERENCES case_record (tenant, id, clerk)
);

CREATE INDEX ix_case_decision_case ON case_decision (tenant, case_id);

alter table case_decision enable row level security;

alter table case_decision force row level security;

create policy seen on case_decision for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on case_decision for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy erased on case_decision for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and public.erasure_confirmed());

grant select, insert, update (reason) on case_decision to bangfu_app;

CREATE TABLE case_step (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    seq INTEGER NOT NULL,
    transition TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    note VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_case_step PRIMARY KEY (tenant, id),
    CONSTRAINT uq_case_step_tenant_case_id_seq UNIQUE (tenant, case_id, seq),
    CONSTRAINT fk_case_step_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id)
);

alter table case_step enable row level security;

alter table case_step force row level security;

create policy seen on case_step for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on case_step for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on case_step for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of note on case_step for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (handlers, note) on case_step to bangfu_app;

CREATE TABLE consent (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    person_id UUID,
    guardian_id UUID,
    kind TEXT NOT NULL,
    given_on DATE NOT NULL,
    until DATE,
    reference TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    withdrawn_on DATE,
    withdrawn_why VARCHAR,
    withdrawn_by VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_consent PRIMARY KEY (tenant, id),
    CONSTRAINT ck_consent_until CHECK (until is null or until >= given_on),
    CONSTRAINT ck_consent_withdrawn CHECK ((withdrawn_on is null) = (withdrawn_by is null)),
    CONSTRAINT ck_consent_withdrawn_why CHECK (withdrawn_on is null or withdrawn_why <> ''),
    CONSTRAINT ck_consent_guardian CHECK (guardian_id is null or guardian_id <> person_id),
    CONSTRAINT fk_consent_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id),
    CONSTRAINT fk_consent_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id),
    CONSTRAINT fk_consent_tenant_guardian_id FOREIGN KEY(tenant, guardian_id) REFERENCES person (tenant, id)
);

CREATE INDEX ix_consent_household ON consent (tenant, household_id, kind);

CREATE INDEX ix_consent_person ON consent (tenant, person_id);

alter table consent enable row level security;

alter table consent force row level security;

create policy seen on consent for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on consent for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on consent for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of reference on consent for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (withdrawn_on, withdrawn_why, withdrawn_by, reference) on consent to bangfu_app;

CREATE TABLE deadline (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    kind TEXT NOT NULL,
    started_on DATE NOT NULL,
    due_on DATE NOT NULL,
    provisional BOOLEAN NOT NULL,
    clause TEXT NOT NULL,
    met_on DATE,
    cancelled_on DATE,
    handlers TEXT[],
    CONSTRAINT pk_deadline PRIMARY KEY (tenant, id),
    CONSTRAINT fk_deadline_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id)
);

CREATE INDEX ix_deadline_case ON deadline (tenant, case_id);

CREATE INDEX ix_deadline_due ON deadline (tenant, due_on) INCLUDE (handlers);

alter table deadline enable row level security;

alter table deadline force row level security;

create policy seen on deadline for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on deadline for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on deadline for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on deadline to bangfu_app;

CREATE TABLE determination (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    round_id UUID,
    decided_on DATE NOT NULL,
    rule_set TEXT NOT NULL,
    rule_version TEXT NOT NULL,
    parameter_set_id UUID NOT NULL,
    inputs JSONB NOT NULL,
    eligible BOOLEAN NOT NULL,
    kind VARCHAR,
    reasons TEXT[] NOT NULL,
    amounts JSONB NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_determination PRIMARY KEY (tenant, id),
    CONSTRAINT fk_determination_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id),
    CONSTRAINT fk_determination_tenant_round_id FOREIGN KEY(tenant, round_id) REFERENCES survey_round (tenant, id),
    CONSTRAINT fk_determination_tenant_parameter_set_id FOREIGN KEY(tenant, parameter_set_id) REFERENCES parameter_set (tenant, id)
);

CREATE INDEX ix_determination_household ON determination (tenant, household_id, decided_on);

CREATE UNIQUE INDEX ix_determination_round ON determination (tenant, round_id, household_id);

alter table determination enable row level security;

alter table determination force row level security;

create policy seen on determination for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on determination for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on determination to bangfu_app;

CREATE TABLE directory_difference (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    area TEXT NOT NULL,
    account_id UUID,
    tenant_code CHAR(6),
    subject VARCHAR,
    group_path VARCHAR,
    here TEXT NOT NULL,
    there TEXT NOT NULL,
    found_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_directory_difference PRIMARY KEY (id),
    CONSTRAINT uq_directory_difference_kind_key UNIQUE (kind, key),
    CONSTRAINT fk_directory_difference_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE INDEX ix_directory_difference_account_id ON directory_difference (account_id);

grant select, insert, update, delete on directory_difference to bangfu_app;

CREATE TABLE directory_entry (
    account_id UUID NOT NULL,
    told INTEGER NOT NULL,
    done INTEGER NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE,
    error VARCHAR,
    password_cipher BYTEA,
    password_before VARCHAR,
    drops_second_factor BOOLEAN NOT NULL,
    CONSTRAINT pk_directory_entry PRIMARY KEY (account_id),
    CONSTRAINT fk_directory_entry_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

grant select, insert, update on directory_entry to bangfu_app;

CREATE TABLE document (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    case_id UUID,
    household_id UUID,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    storage_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    sealed_sha256 BYTEA NOT NULL,
    wrapped_key BYTEA,
    received_on DATE NOT NULL,
    received_by TEXT NOT NULL,
    withdrawn_on DATE,
    withdrawn_by VARCHAR,
    withdrawn_reason VARCHAR,
    erased_on DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_document PRIMARY KEY (tenant, id),
    CONSTRAINT ck_document_size CHECK (size > 0),
    CONSTRAINT ck_document_key CHECK ((erased_on is null) = (wrapped_key is not null)),
    CONSTRAINT fk_document_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id),
    CONSTRAINT fk_document_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_document_case ON document (tenant, case_id) INCLUDE (handlers);

CREATE INDEX ix_document_household ON document (tenant, household_id);

alter table document enable row level security;

alter table document force row level security;

create policy seen on document for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on document for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on document for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on document to bangfu_app;

CREATE TABLE duplicate_proposal (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    first_id UUID NOT NULL,
    second_id UUID NOT NULL,
    score INTEGER NOT NULL,
    reasons TEXT[] NOT NULL,
    state TEXT NOT NULL,
    found_on DATE NOT NULL,
    decided_on DATE,
    decided_by VARCHAR,
    why VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_duplicate_proposal PRIMARY KEY (tenant, id),
    CONSTRAINT uq_duplicate_proposal_tenant_first_id_second_id UNIQUE (tenant, first_id, second_id),
    CONSTRAINT ck_duplicate_proposal_order CHECK (first_id < second_id),
    CONSTRAINT ck_duplicate_proposal_state CHECK (state in ('open', 'different', 'merged')),
    CONSTRAINT ck_duplicate_proposal_decided CHECK ((state = 'open') = (decided_on is null)),
    CONSTRAINT fk_duplicate_proposal_tenant_first_id FOREIGN KEY(tenant, first_id) REFERENCES person (tenant, id),
    CONSTRAINT fk_duplicate_proposal_tenant_second_id FOREIGN KEY(tenant, second_id) REFERENCES person (tenant, id)
);

CREATE INDEX ix_duplicate_proposal_list ON duplicate_proposal (tenant, state, score, id);

CREATE INDEX ix_duplicate_proposal_second ON duplicate_proposal (tenant, second_id);

alter table duplicate_proposal enable row level security;

alter table duplicate_proposal force row level security;

create policy seen on duplicate_proposal for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on duplicate_proposal for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on duplicate_proposal for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on duplicate_proposal to bangfu_app;

CREATE TABLE employer_change (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    employer_id UUID NOT NULL,
    changed JSONB NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_employer_change PRIMARY KEY (tenant, id),
    CONSTRAINT fk_employer_change_tenant_employer_id FOREIGN KEY(tenant, employer_id) REFERENCES employer (tenant, id)
);

CREATE INDEX ix_employer_change_employer ON employer_change (tenant, employer_id, id);

alter table employer_change enable row level security;

alter table employer_change force row level security;

create policy seen on employer_change for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on employer_change for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on employer_change to bangfu_app;

CREATE TABLE employer_test (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    employer_id UUID NOT NULL,
    tested_on DATE NOT NULL,
    workers INTEGER NOT NULL,
    below_line INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    actor TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_employer_test PRIMARY KEY (tenant, id),
    CONSTRAINT uq_employer_test_tenant_employer_id_tested_on_recorded_at UNIQUE (tenant, employer_id, tested_on, recorded_at),
    CONSTRAINT ck_employer_test_counts CHECK (workers > 0 and below_line between 0 and workers),
    CONSTRAINT fk_employer_test_tenant_employer_id FOREIGN KEY(tenant, employer_id) REFERENCES employer (tenant, id)
);

alter table employer_test enable row level security;

alter table employer_test force row level security;

create policy seen on employer_test for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on employer_test for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on employer_test to bangfu_app;

CREATE TABLE file_proposal (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    kind TEXT NOT NULL,
    since DATE NOT NULL,
    found_on DATE NOT NULL,
    settled_on DATE,
    settled_as VARCHAR,
    settled_by VARCHAR,
    note VARCHAR,
    CONSTRAINT pk_file_proposal PRIMARY KEY (tenant, id),
    CONSTRAINT ck_file_proposal_kind CHECK (kind in ('above_line', 'stale', 'head_died')),
    CONSTRAINT ck_file_proposal_settled_as CHECK (settled_as in ('done', 'declined', 'passed')),
    CONSTRAINT ck_file_proposal_settled CHECK ((settled_on is null) = (settled_as is null)),
    CONSTRAINT fk_file_proposal_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE UNIQUE INDEX ix_file_proposal_open ON file_proposal (tenant, household_id, kind) WHERE settled_on is null;

alter table file_proposal enable row level security;

alter table file_proposal force row level security;

create policy seen on file_proposal for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on file_proposal for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on file_proposal for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (settled_on, settled_as, settled_by, note) on file_proposal to bangfu_app;

CREATE TABLE file_step (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    step TEXT NOT NULL,
    from_state VARCHAR,
    to_state TEXT NOT NULL,
    reason VARCHAR,
    note TEXT NOT NULL,
    evidence VARCHAR,
    actor TEXT NOT NULL,
    unlike TEXT[] NOT NULL,
    done_on DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_file_step PRIMARY KEY (tenant, id),
    CONSTRAINT ck_file_step_declared CHECK ((step = 'apply' and from_state is null and to_state = 'draft') or (step = 'first_check' and from_state in ('draft') and to_state = 'first_checked') or (step = 'visit' and from_state in ('first_checked') and to_state = 'visited') or (step = 'civil_affairs_check' and from_state in ('visited') and to_state = 'civil_affairs_checked') or (step = 'post_notice' and from_state in ('civil_affairs_checked') and to_state = 'public_notice') or (step = 'put_on_file' and from_state in ('public_notice') and to_state = 'on_file') or (step = 'send_back' and from_state in ('first_checked', 'visited', 'civil_affairs_checked', 'public_notice') and to_state = 'draft') or (step = 'refuse' and from_state in ('draft', 'first_checked', 'visited', 'civil_affairs_checked', 'public_notice') and to_state = 'cancelled') or (step = 'confirm_unchanged' and from_state in ('on_file') and to_state = 'on_file') or (step = 'end_difficulty' and from_state in ('on_file') and to_state = 'out_of_difficulty') or (step = 'record_death' and from_state in ('draft', 'first_checked', 'visited', 'civil_affairs_checked', 'public_notice', 'on_file', 'out_of_difficulty') and to_state = 'died') or (step = 'strike_off' and from_state in ('on_file', 'out_of_difficulty') and to_state = 'cancelled') or (step = 'reopen' and from_state in ('out_of_difficulty', 'died', 'cancelled') and to_state = 'draft') or (step = 'take_back_death' and from_state in ('died') and to_state = 'on_file') or (step = 'undo_registration' and from_state in ('draft') and to_state = 'cancelled') or (step = 'move' and from_state in ('draft', 'first_checked', 'visited', 'civil_affairs_checked', 'public_notice', 'on_file', 'out_of_difficulty') and to_state = 'moved') or (step = 'come_back' and from_state in ('moved') and to_state = 'on_file') or (step = 'come_back_ended' and from_state in ('moved') and to_state = 'out_of_difficulty') or (step = 'come_back_open' and from_state in ('moved') and to_state = 'draft') or (step = 'settle_as_kept' and from_state in ('draft') and to_state = 'on_file') or (step = 'settle_as_double' and from_state in ('draft', 'first_checked', 'visited', 'civil_affairs_checked', 'public_notice', 'on_file', 'out_of_difficulty') and to_state = 'cancelled')),
    CONSTRAINT ck_file_step_note CHECK (step not in ('first_check', 'visit', 'send_back', 'refuse', 'confirm_unchanged', 'end_difficulty', 'record_death', 'strike_off', 'reopen', 'take_back_death') or note <> ''),
    CONSTRAINT ck_file_step_reason CHECK (step not in ('refuse', 'strike_off') or reason is not null),
    CONSTRAINT ck_file_step_another_person CHECK (not actor = any (unlike)),
    CONSTRAINT fk_file_step_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_file_step_household ON file_step (tenant, household_id, id);

alter table file_step enable row level security;

alter table file_step force row level security;

create policy seen on file_step for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on file_step for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy erased on file_step for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and public.erasure_confirmed());

grant select, insert, update (note, evidence) on file_step to bangfu_app;

CREATE TABLE household_change (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    peer_household_id UUID,
    kind TEXT NOT NULL,
    valid_from DATE NOT NULL,
    reason TEXT NOT NULL,
    document_id UUID,
    steps JSONB NOT NULL,
    before JSONB NOT NULL,
    former_bank_name VARCHAR,
    former_bank_branch VARCHAR,
    former_account_cipher BYTEA,
    undoes UUID,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_household_change PRIMARY KEY (tenant, id),
    CONSTRAINT uq_household_change_tenant_undoes UNIQUE (tenant, undoes),
    CONSTRAINT ck_household_change_kind CHECK (kind in ('registered', 'birth', 'death', 'moved_in', 'moved_out', 'marriage', 'divorce', 'head_changed', 'split', 'undone')),
    CONSTRAINT ck_household_change_undoes CHECK ((kind = 'undone') = (undoes is not null)),
    CONSTRAINT fk_household_change_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_household_change_household ON household_change (tenant, household_id, id);

CREATE INDEX ix_household_change_peer ON household_change (tenant, peer_household_id, id);

alter table household_change enable row level security;

alter table household_change force row level security;

create policy seen on household_change for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on household_change for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy erased on household_change for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and public.erasure_confirmed());

grant select, insert, update (reason, former_bank_name, former_bank_branch, former_account_cipher) on household_change to bangfu_app;

CREATE TABLE household_fact (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    valid_from DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    other_yearly_income_fen BIGINT NOT NULL,
    cost_illness_fen BIGINT NOT NULL,
    cost_disability_fen BIGINT NOT NULL,
    cost_schooling_fen BIGINT NOT NULL,
    cost_housing_fen BIGINT NOT NULL,
    cost_long_term_care_fen BIGINT NOT NULL,
    cost_work_cost_fen BIGINT NOT NULL,
    cost_other_fen BIGINT NOT NULL,
    property_flags TEXT[] NOT NULL,
    loss_fen BIGINT NOT NULL,
    compensation_fen BIGINT NOT NULL,
    source TEXT NOT NULL,
    recorded_by VARCHAR,
    CONSTRAINT pk_household_fact PRIMARY KEY (tenant, id),
    CONSTRAINT uq_household_fact_tenant_household_id_valid_from_recorded_at UNIQUE (tenant, household_id, valid_from, recorded_at),
    CONSTRAINT fk_household_fact_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

alter table household_fact enable row level security;

alter table household_fact force row level security;

create policy seen on household_fact for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on household_fact for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on household_fact to bangfu_app;

CREATE TABLE household_transfer (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    transfer_id UUID NOT NULL,
    direction TEXT NOT NULL,
    peer CHAR(6) NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    household_id UUID,
    file_number VARCHAR,
    peer_household_id UUID,
    peer_file_number VARCHAR,
    package_id UUID,
    begun_by TEXT NOT NULL,
    begun_on DATE NOT NULL,
    ended_on DATE,
    history JSONB NOT NULL,
    twice JSONB NOT NULL,
    settled_as VARCHAR,
    settled_by VARCHAR,
    settled_on DATE,
    settled_why VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_household_transfer PRIMARY KEY (tenant, id),
    CONSTRAINT uq_household_transfer_tenant_transfer_id_direction UNIQUE (tenant, transfer_id, direction),
    CONSTRAINT ck_household_transfer_direction CHECK (direction in ('out', 'in')),
    CONSTRAINT ck_household_transfer_state CHECK (state in ('offered', 'accepted', 'refused', 'withdrawn', 'sent', 'arrived')),
    CONSTRAINT ck_household_transfer_settled_as CHECK (settled_as in ('on_file', 'cancelled')),
    CONSTRAINT ck_household_transfer_settled_by_somebody CHECK ((settled_as is null) = (settled_by is null)),
    CONSTRAINT fk_household_transfer_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_household_transfer_household ON household_transfer (tenant, household_id);

CREATE INDEX ix_household_transfer_peer ON household_transfer (tenant, peer_household_id);

CREATE INDEX ix_household_transfer_state ON household_transfer (tenant, direction, state);

alter table household_transfer enable row level security;

alter table household_transfer force row level security;

create policy seen on household_transfer for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on household_transfer for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on household_transfer for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of reason on household_transfer for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (state, household_id, file_number, peer_file_number, peer_household_id, package_id, ended_on, history, twice, settled_as, settled_by, settled_on, settled_why, reason) on household_transfer to bangfu_app;

CREATE TABLE identity_query (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    envelope_id UUID NOT NULL,
    direction TEXT NOT NULL,
    peer CHAR(6) NOT NULL,
    person_id UUID,
    household_id UUID,
    reason TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_on DATE NOT NULL,
    state TEXT NOT NULL,
    outcome VARCHAR,
    keeper CHAR(6),
    answer VARCHAR,
    answered_on DATE,
    answered_by VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_identity_query PRIMARY KEY (tenant, id),
    CONSTRAINT uq_identity_query_tenant_envelope_id_direction UNIQUE (tenant, envelope_id, direction),
    CONSTRAINT ck_identity_query_direction CHECK (direction in ('out', 'in', 'told')),
    CONSTRAINT ck_identity_query_state CHECK (state in ('asked', 'pending', 'answered', 'withdrawn')),
    CONSTRAINT ck_identity_query_outcome CHECK (outcome in ('duplicate', 'different', 'pending')),
    CONSTRAINT ck_identity_query_keeper CHECK (direction = 'told' or (outcome = 'duplicate') = (keeper is not null)),
    CONSTRAINT ck_identity_query_person CHECK (direction = 'told' or (direction = 'out') = (person_id is not null)),
    CONSTRAINT fk_identity_query_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id),
    CONSTRAINT fk_identity_query_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_identity_query_list ON identity_query (tenant, direction, state, id);

CREATE UNIQUE INDEX uq_identity_query_open ON identity_query (tenant, person_id) WHERE direction = 'out' and state in ('asked', 'pending');

alter table identity_query enable row level security;

alter table identity_query force row level security;

create policy seen on identity_query for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on identity_query for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on identity_query for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of reason on identity_query for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (state, outcome, keeper, answer, answered_on, answered_by, reason) on identity_query to bangfu_app;

CREATE TABLE job_chunk (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    job_id UUID NOT NULL,
    no INTEGER NOT NULL,
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    payload JSONB NOT NULL,
    result JSONB NOT NULL,
    attempts INTEGER NOT NULL,
    error VARCHAR,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    handlers TEXT[],
    CONSTRAINT pk_job_chunk PRIMARY KEY (tenant, id),
    CONSTRAINT uq_job_chunk_tenant_job_id_no UNIQUE (tenant, job_id, no),
    CONSTRAINT ck_job_chunk_state CHECK (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    CONSTRAINT fk_job_chunk_tenant_job_id FOREIGN KEY(tenant, job_id) REFERENCES job (tenant, id)
);

alter table job_chunk enable row level security;

alter table job_chunk force row level security;

create policy seen on job_chunk for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or job_id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on job_chunk for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on job_chunk for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or job_id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on job_chunk to bangfu_app;

CREATE TABLE membership (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    person_id UUID NOT NULL,
    relation TEXT NOT NULL,
    present BOOLEAN NOT NULL,
    reason VARCHAR,
    valid_from DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_membership PRIMARY KEY (tenant, id),
    CONSTRAINT uq_membership_tenant_household_id_person_id_valid_from__fc2f UNIQUE (tenant, household_id, person_id, valid_from, recorded_at),
    CONSTRAINT fk_membership_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id),
    CONSTRAINT fk_membership_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id)
);

CREATE INDEX ix_membership_person ON membership (tenant, person_id);

alter table membership enable row level security;

alter table membership force row level security;

create policy seen on membership for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on membership for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on membership to bangfu_app;

CREATE TABLE notice_item (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    batch_id UUID NOT NULL,
    case_id UUID,
    household_id UUID,
    masked_name TEXT NOT NULL,
    matter TEXT NOT NULL,
    amount_fen BIGINT,
    CONSTRAINT pk_notice_item PRIMARY KEY (tenant, id),
    CONSTRAINT uq_notice_item_tenant_batch_id_case_id UNIQUE (tenant, batch_id, case_id),
    CONSTRAINT uq_notice_item_tenant_batch_id_household_id UNIQUE (tenant, batch_id, household_id),
    CONSTRAINT ck_notice_item_case_or_file CHECK (num_nonnulls(case_id, household_id) = 1),
    CONSTRAINT fk_notice_item_tenant_batch_id FOREIGN KEY(tenant, batch_id) REFERENCES notice_batch (tenant, id),
    CONSTRAINT fk_notice_item_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id),
    CONSTRAINT fk_notice_item_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_notice_item_case ON notice_item (tenant, case_id);

CREATE INDEX ix_notice_item_household ON notice_item (tenant, household_id);

alter table notice_item enable row level security;

alter table notice_item force row level security;

create policy seen on notice_item for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on notice_item for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy erased on notice_item for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and public.erasure_confirmed());

grant select, insert, update (masked_name) on notice_item to bangfu_app;

CREATE TABLE objection (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    number TEXT NOT NULL,
    batch_id UUID,
    case_id UUID,
    household_id UUID,
    clerk VARCHAR,
    raised_on DATE NOT NULL,
    text TEXT NOT NULL,
    contact VARCHAR,
    outcome VARCHAR,
    answer VARCHAR,
    answered_on DATE,
    answered_by VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_objection PRIMARY KEY (tenant, id),
    CONSTRAINT uq_objection_tenant_number UNIQUE (tenant, number),
    CONSTRAINT ck_objection_clerk_of_the_case CHECK ((case_id is null) = (clerk is null)),
    CONSTRAINT ck_objection_answered_by_another CHECK (answered_by <> clerk),
    CONSTRAINT ck_objection_file_of_a_batch CHECK (household_id is null or case_id is null and batch_id is not null),
    CONSTRAINT fk_objection_tenant_case_id_clerk FOREIGN KEY(tenant, case_id, clerk) REFERENCES case_record (tenant, id, clerk),
    CONSTRAINT fk_objection_tenant_batch_id FOREIGN KEY(tenant, batch_id) REFERENCES notice_batch (tenant, id),
    CONSTRAINT fk_objection_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

alter table objection enable row level security;

alter table objection force row level security;

create policy seen on objection for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on objection for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on objection for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of text, contact on objection for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (outcome, answer, answered_on, answered_by, text, contact) on objection to bangfu_app;

CREATE TABLE parameter_forecast (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    proposal_id UUID NOT NULL,
    "on" DATE NOT NULL,
    rules TEXT[] NOT NULL,
    mark TEXT NOT NULL,
    figures JSONB,
    job_id UUID,
    actor TEXT NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_parameter_forecast PRIMARY KEY (tenant, id),
    CONSTRAINT fk_parameter_forecast_tenant_proposal_id FOREIGN KEY(tenant, proposal_id) REFERENCES parameter_proposal (tenant, id)
);

CREATE INDEX ix_parameter_forecast_proposal ON parameter_forecast (tenant, proposal_id, id);

alter table parameter_forecast enable row level security;

alter table parameter_forecast force row level security;

create policy seen on parameter_forecast for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on parameter_forecast for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on parameter_forecast for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (figures, job_id) on parameter_forecast to bangfu_app;

CREATE TABLE partner_erasure (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    envelope_id UUID NOT NULL,
    direction TEXT NOT NULL,
    peer CHAR(6) NOT NULL,
    household_id UUID NOT NULL,
    whole BOOLEAN NOT NULL,
    persons UUID[] NOT NULL,
    ground TEXT NOT NULL,
    told_on DATE NOT NULL,
    outcome VARCHAR,
    answer VARCHAR,
    answered_on DATE,
    answered_by VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_partner_erasure PRIMARY KEY (tenant, id),
    CONSTRAINT uq_partner_erasure_tenant_envelope_id_direction UNIQUE (tenant, envelope_id, direction),
    CONSTRAINT ck_partner_erasure_direction CHECK (direction in ('out', 'in')),
    CONSTRAINT ck_partner_erasure_ground CHECK (ground in ('retention', 'wish')),
    CONSTRAINT ck_partner_erasure_outcome CHECK (outcome in ('erasing', 'kept', 'nothing', 'closed', 'led_on')),
    CONSTRAINT ck_partner_erasure_decided CHECK (direction = 'out' or outcome in ('erasing', 'kept')),
    CONSTRAINT ck_partner_erasure_answered CHECK ((outcome is null) = (answered_on is null)),
    CONSTRAINT fk_partner_erasure_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_partner_erasure_household ON partner_erasure (tenant, household_id);

alter table partner_erasure enable row level security;

alter table partner_erasure force row level security;

create policy seen on partner_erasure for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on partner_erasure for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on partner_erasure for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (outcome, answer, answered_on, answered_by) on partner_erasure to bangfu_app;

CREATE TABLE party (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    role TEXT NOT NULL,
    person_id UUID,
    household_id UUID,
    label TEXT NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_party PRIMARY KEY (tenant, id),
    CONSTRAINT ck_party_role CHECK (role in ('applicant', 'beneficiary', 'agent', 'representative', 'employer', 'anonymous', 'household')),
    CONSTRAINT fk_party_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id),
    CONSTRAINT fk_party_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id),
    CONSTRAINT fk_party_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_party_case ON party (tenant, case_id) INCLUDE (handlers);

CREATE INDEX ix_party_household ON party (tenant, household_id);

CREATE INDEX ix_party_person ON party (tenant, person_id);

alter table party enable row level security;

alter table party force row level security;

create policy seen on party for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on party for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on party for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on party to bangfu_app;

CREATE TABLE person_correction (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    person_id UUID NOT NULL,
    field TEXT NOT NULL,
    former_name_cipher BYTEA,
    former_identity_cipher BYTEA,
    former_identity_masked VARCHAR,
    former_identity_token BYTEA,
    reason TEXT NOT NULL,
    asked_on DATE,
    answered_on DATE NOT NULL,
    document_id UUID,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_person_correction PRIMARY KEY (tenant, id),
    CONSTRAINT ck_person_correction_field CHECK (field in ('name', 'identity_number')),
    CONSTRAINT ck_person_correction_asked_before_answered CHECK (asked_on is null or asked_on <= answered_on),
    CONSTRAINT fk_person_correction_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id)
);

CREATE INDEX ix_person_correction_person ON person_correction (tenant, person_id, id);

CREATE INDEX ix_person_correction_token ON person_correction (tenant, former_identity_token);

alter table person_correction enable row level security;

alter table person_correction force row level security;

create policy seen on person_correction for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on person_correction for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy erased on person_correction for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and public.erasure_confirmed());

grant select, insert, update (former_name_cipher, former_identity_cipher, former_identity_masked, former_identity_token, reason) on person_correction to bangfu_app;

CREATE TABLE person_fact (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    person_id UUID NOT NULL,
    valid_from DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    income_wage_fen BIGINT NOT NULL,
    income_business_fen BIGINT NOT NULL,
    income_property_fen BIGINT NOT NULL,
    income_pension_fen BIGINT NOT NULL,
    residents_pension_fen BIGINT NOT NULL,
    income_transfer_fen BIGINT NOT NULL,
    income_union_grant_fen BIGINT NOT NULL,
    income_other_fen BIGINT NOT NULL,
    income_unsorted_fen BIGINT NOT NULL,
    monthly_income_fen BIGINT GENERATED ALWAYS AS (income_wage_fen + income_business_fen + income_property_fen + income_pension_fen + residents_pension_fen + income_transfer_fen + income_union_grant_fen + income_other_fen + income_unsorted_fen) STORED NOT NULL,
    identity_status VARCHAR,
    employment_status VARCHAR,
    employment_since DATE,
    education VARCHAR,
    able_to_work BOOLEAN,
    aided_elsewhere BOOLEAN,
    medical_insurance VARCHAR,
    health_status VARCHAR,
    disability_kind VARCHAR,
    disability_grade VARCHAR,
    unit_or_school VARCHAR,
    source TEXT NOT NULL,
    recorded_by VARCHAR,
    CONSTRAINT pk_person_fact PRIMARY KEY (tenant, id),
    CONSTRAINT uq_person_fact_tenant_person_id_valid_from_recorded_at UNIQUE (tenant, person_id, valid_from, recorded_at),
    CONSTRAINT ck_person_fact_income_lines CHECK (least(income_wage_fen, income_business_fen, income_property_fen, income_pension_fen, residents_pension_fen, income_transfer_fen, income_union_grant_fen, income_other_fen, income_unsorted_fen) >= 0),
    CONSTRAINT fk_person_fact_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id)
);

alter table person_fact enable row level security;

alter table person_fact force row level security;

create policy seen on person_fact for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on person_fact for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy erased on person_fact for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and public.erasure_confirmed());

grant select, insert, update (health_status, disability_kind, disability_grade, unit_or_school) on person_fact to bangfu_app;

CREATE TABLE post (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    tenant_code CHAR(6) NOT NULL,
    role TEXT NOT NULL,
    title TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    duty VARCHAR,
    audit_side VARCHAR,
    administers VARCHAR NOT NULL,
    delegated_from UUID,
    granted_by VARCHAR,
    reason VARCHAR,
    ended_by VARCHAR,
    end_reason VARCHAR,
    last_used_on DATE,
    reviewed_on DATE,
    reviewed_by VARCHAR,
    CONSTRAINT pk_post PRIMARY KEY (id),
    CONSTRAINT ck_post_dates CHECK (valid_to is null or valid_to >= valid_from),
    CONSTRAINT ck_post_a_delegation_ends CHECK (delegated_from is null or valid_to is not null),
    CONSTRAINT ck_post_not_given_by_oneself CHECK (granted_by is null or granted_by <> account_id::text),
    CONSTRAINT ck_post_not_confirmed_by_oneself CHECK (reviewed_by is null or reviewed_by <> account_id::text),
    CONSTRAINT ex_post_once EXCLUDE USING gist (account_id WITH =, tenant_code WITH =, role WITH =, daterange(valid_from, valid_to) WITH &&),
    CONSTRAINT ex_post_duties_apart EXCLUDE USING gist (account_id WITH =, tenant_code WITH =, duty WITH <>, daterange(valid_from, valid_to) WITH &&),
    CONSTRAINT ex_post_auditor_apart EXCLUDE USING gist (account_id WITH =, tenant_code WITH =, audit_side WITH <>, daterange(valid_from, valid_to) WITH &&),
    CONSTRAINT ex_post_administrators_apart EXCLUDE USING gist (account_id WITH =, administers WITH <>, daterange(valid_from, valid_to) WITH &&),
    CONSTRAINT fk_post_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT fk_post_tenant_code FOREIGN KEY(tenant_code) REFERENCES tenant (code),
    CONSTRAINT fk_post_delegated_from FOREIGN KEY(delegated_from) REFERENCES post (id)
);

CREATE INDEX ix_post_account_id ON post (account_id);

CREATE INDEX ix_post_tenant_code ON post (tenant_code);

grant select, insert, update on post to bangfu_app;

CREATE TABLE recovery_code (
    account_id UUID NOT NULL,
    code_hash BYTEA NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_recovery_code PRIMARY KEY (account_id, code_hash),
    CONSTRAINT fk_recovery_code_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

grant select, insert, update, delete on recovery_code to bangfu_app;

CREATE TABLE relief_grant (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    clerk TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    programme TEXT NOT NULL,
    occurrence TEXT NOT NULL,
    year INTEGER NOT NULL,
    household_id UUID NOT NULL,
    source TEXT NOT NULL,
    purpose TEXT NOT NULL,
    amount_fen BIGINT NOT NULL,
    state TEXT NOT NULL,
    released BOOLEAN GENERATED ALWAYS AS (state = 'released'::text) STORED NOT NULL,
    approved_on DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_relief_grant PRIMARY KEY (tenant, id),
    CONSTRAINT uq_relief_grant_tenant_case_id UNIQUE (tenant, case_id),
    CONSTRAINT uq_relief_grant_tenant_id_released UNIQUE (tenant, id, released),
    CONSTRAINT ck_relief_grant_amount CHECK (amount_fen > 0),
    CONSTRAINT ck_relief_grant_approver_is_not_the_clerk CHECK (approved_by <> clerk),
    CONSTRAINT ck_relief_grant_state CHECK (state in ('reserved', 'paid', 'released')),
    CONSTRAINT fk_relief_grant_tenant_case_id_clerk FOREIGN KEY(tenant, case_id, clerk) REFERENCES case_record (tenant, id, clerk),
    CONSTRAINT fk_relief_grant_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_relief_grant_household ON relief_grant (tenant, household_id);

CREATE INDEX ix_relief_grant_year ON relief_grant (tenant, year, programme, state);

alter table relief_grant enable row level security;

alter table relief_grant force row level security;

create policy seen on relief_grant for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on relief_grant for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on relief_grant for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (state) on relief_grant to bangfu_app;

CREATE TABLE rights_request (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    household_id UUID NOT NULL,
    person_id UUID NOT NULL,
    asker TEXT NOT NULL,
    agent_name VARCHAR,
    evidence TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_on DATE NOT NULL,
    due_on DATE NOT NULL,
    provisional BOOLEAN NOT NULL,
    registered_by TEXT NOT NULL,
    state TEXT NOT NULL,
    answer VARCHAR,
    answered_by VARCHAR,
    answered_on DATE,
    taken_by VARCHAR,
    taken_at TIMESTAMP WITH TIME ZONE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_rights_request PRIMARY KEY (tenant, id),
    CONSTRAINT uq_rights_request_tenant_number UNIQUE (tenant, number),
    CONSTRAINT ck_rights_request_kind CHECK (kind in ('view_log', 'export', 'correction', 'erasure', 'withdrawal')),
    CONSTRAINT ck_rights_request_state CHECK (state in ('open', 'answered', 'refused', 'withdrawn')),
    CONSTRAINT ck_rights_request_asker CHECK (asker in ('self', 'agent')),
    CONSTRAINT ck_rights_request_agent CHECK ((asker = 'agent') = (agent_name is not null)),
    CONSTRAINT ck_rights_request_answered_by_somebody CHECK ((state = 'open') = (answered_by is null)),
    CONSTRAINT ck_rights_request_taken CHECK ((taken_by is null) = (taken_at is null)),
    CONSTRAINT fk_rights_request_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id),
    CONSTRAINT fk_rights_request_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id)
);

CREATE INDEX ix_rights_request_household ON rights_request (tenant, household_id);

CREATE INDEX ix_rights_request_state ON rights_request (tenant, state, due_on);

alter table rights_request enable row level security;

alter table rights_request force row level security;

create policy seen on rights_request for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on rights_request for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on rights_request for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of agent_name, evidence, reason on rights_request for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (state, answer, answered_by, answered_on, taken_by, taken_at, agent_name, evidence, reason) on rights_request to bangfu_app;

CREATE TABLE roster_change (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    import_id UUID NOT NULL,
    no INTEGER NOT NULL,
    household TEXT NOT NULL,
    household_id UUID NOT NULL,
    person_id UUID,
    name TEXT NOT NULL,
    part TEXT NOT NULL,
    "column" TEXT NOT NULL,
    was TEXT NOT NULL,
    becomes TEXT NOT NULL,
    contested BOOLEAN NOT NULL,
    by VARCHAR,
    taken BOOLEAN NOT NULL,
    CONSTRAINT pk_roster_change PRIMARY KEY (tenant, id),
    CONSTRAINT uq_roster_change_tenant_import_id_no UNIQUE (tenant, import_id, no),
    CONSTRAINT fk_roster_change_tenant_import_id FOREIGN KEY(tenant, import_id) REFERENCES roster_import (tenant, id),
    CONSTRAINT fk_roster_change_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id),
    CONSTRAINT fk_roster_change_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id)
);

CREATE INDEX ix_roster_change_household ON roster_change (tenant, household_id);

CREATE INDEX ix_roster_change_person ON roster_change (tenant, person_id);

alter table roster_change enable row level security;

alter table roster_change force row level security;

create policy seen on roster_change for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on roster_change for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on roster_change for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy removed on roster_change for delete using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update, delete on roster_change to bangfu_app;

CREATE TABLE roster_part (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    import_id UUID NOT NULL,
    what TEXT NOT NULL,
    no INTEGER NOT NULL,
    sealed BYTEA NOT NULL,
    CONSTRAINT pk_roster_part PRIMARY KEY (tenant, id),
    CONSTRAINT uq_roster_part_tenant_import_id_what_no UNIQUE (tenant, import_id, what, no),
    CONSTRAINT ck_roster_part_what CHECK (what in ('file', 'drafts')),
    CONSTRAINT fk_roster_part_tenant_import_id FOREIGN KEY(tenant, import_id) REFERENCES roster_import (tenant, id)
);

alter table roster_part enable row level security;

alter table roster_part force row level security;

create policy seen on roster_part for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on roster_part for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on roster_part for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy removed on roster_part for delete using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update, delete on roster_part to bangfu_app;

CREATE TABLE roster_problem (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    import_id UUID NOT NULL,
    no INTEGER NOT NULL,
    severity TEXT NOT NULL,
    compared BOOLEAN NOT NULL,
    kind TEXT NOT NULL,
    sheet TEXT NOT NULL,
    row INTEGER NOT NULL,
    letter TEXT NOT NULL,
    "column" TEXT NOT NULL,
    value TEXT NOT NULL,
    household TEXT NOT NULL,
    zh TEXT NOT NULL,
    en TEXT NOT NULL,
    mend_zh TEXT NOT NULL,
    mend_en TEXT NOT NULL,
    CONSTRAINT pk_roster_problem PRIMARY KEY (tenant, id),
    CONSTRAINT uq_roster_problem_tenant_import_id_no UNIQUE (tenant, import_id, no),
    CONSTRAINT ck_roster_problem_severity CHECK (severity in ('error', 'warning')),
    CONSTRAINT fk_roster_problem_tenant_import_id FOREIGN KEY(tenant, import_id) REFERENCES roster_import (tenant, id)
);

alter table roster_problem enable row level security;

alter table roster_problem force row level security;

create policy seen on roster_problem for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on roster_problem for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on roster_problem for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy removed on roster_problem for delete using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update, delete on roster_problem to bangfu_app;

CREATE TABLE sealed_case (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    number TEXT NOT NULL,
    closed_on DATE,
    CONSTRAINT pk_sealed_case PRIMARY KEY (tenant, id),
    CONSTRAINT uq_sealed_case_tenant_number UNIQUE (tenant, number),
    CONSTRAINT fk_sealed_case_tenant_id FOREIGN KEY(tenant, id) REFERENCES case_record (tenant, id)
);

alter table sealed_case enable row level security;

alter table sealed_case force row level security;

create policy seen on sealed_case for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on sealed_case for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on sealed_case for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (closed_on) on sealed_case to bangfu_app;

CREATE TABLE sign_in_event (
    id UUID NOT NULL,
    account_id UUID,
    way TEXT NOT NULL,
    outcome TEXT NOT NULL,
    address VARCHAR,
    event_id UUID,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_sign_in_event PRIMARY KEY (id),
    CONSTRAINT ck_sign_in_event_outcome CHECK (outcome in ('signed_in', 'refused', 'throttled')),
    CONSTRAINT fk_sign_in_event_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT uq_sign_in_event_event_id UNIQUE (event_id)
);

CREATE INDEX ix_sign_in_event_account_id ON sign_in_event (account_id, id);

alter table sign_in_event enable row level security;

alter table sign_in_event force row level security;

create policy seen on sign_in_event for select using (true);

create policy written on sign_in_event for insert with check (true);

create policy changed on sign_in_event for update using (true);

create policy removed on sign_in_event for delete using (at < now() - interval '6 months');

grant select, insert, delete on sign_in_event to bangfu_app;

CREATE TABLE staff_session (
    token_hash BYTEA NOT NULL,
    account_id UUID NOT NULL,
    csrf_token TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    address VARCHAR,
    agent VARCHAR,
    authenticated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    assurance INTEGER NOT NULL,
    provider_sid VARCHAR,
    refresh_cipher BYTEA,
    id_token_cipher BYTEA,
    fresh_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_staff_session PRIMARY KEY (token_hash),
    CONSTRAINT fk_staff_session_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);

CREATE INDEX ix_staff_session_account_id ON staff_session (account_id);

CREATE INDEX ix_staff_session_provider_sid ON staff_session (provider_sid);

alter table staff_session enable row level security;

alter table staff_session force row level security;

create policy seen on staff_session for select using (true);

create policy written on staff_session for insert with check (true);

create policy changed on staff_session for update using (true);

create policy removed on staff_session for delete using (created_at < now() - interval '6 months');

grant select, insert, update (last_seen_at, ended_at, authenticated_at, assurance, provider_sid, refresh_cipher, id_token_cipher, fresh_until), delete on staff_session to bangfu_app;

CREATE TABLE tenant_change (
    id UUID NOT NULL,
    tenant_code CHAR(6) NOT NULL,
    province CHAR(6) NOT NULL,
    prefecture CHAR(6),
    act TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail JSONB NOT NULL,
    actor TEXT NOT NULL,
    by_tenant CHAR(6) NOT NULL,
    business_date DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_tenant_change PRIMARY KEY (id),
    CONSTRAINT fk_tenant_change_tenant_code_province FOREIGN KEY(tenant_code, province) REFERENCES tenant (code, province),
    CONSTRAINT fk_tenant_change_tenant_code_prefecture FOREIGN KEY(tenant_code, prefecture) REFERENCES tenant (code, prefecture)
);

CREATE INDEX ix_tenant_change_tenant_code ON tenant_change (tenant_code, id);

alter table tenant_change enable row level security;

alter table tenant_change force row level security;

create policy seen on tenant_change for select using (tenant_code = nullif(current_setting('app.tenant', true), '')::char(6) or (current_setting('app.level', true) = 'province' and province = nullif(current_setting('app.tenant', true), '')::char(6)) or (current_setting('app.level', true) = 'prefecture' and prefecture = nullif(current_setting('app.tenant', true), '')::char(6)));

create policy written on tenant_change for insert with check (((current_setting('app.level', true) = 'province' and province = nullif(current_setting('app.tenant', true), '')::char(6)) or (current_setting('app.level', true) = 'prefecture' and prefecture = nullif(current_setting('app.tenant', true), '')::char(6))) and tenant_code <> nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on tenant_change to bangfu_app;

CREATE TABLE tenant_division (
    tenant_code CHAR(6) NOT NULL,
    division_code CHAR(6) NOT NULL,
    valid_from DATE NOT NULL,
    name TEXT NOT NULL,
    union_name TEXT NOT NULL,
    province CHAR(6) NOT NULL,
    prefecture CHAR(6),
    former_tenant CHAR(6),
    CONSTRAINT pk_tenant_division PRIMARY KEY (tenant_code, division_code, valid_from),
    CONSTRAINT fk_tenant_division_tenant_code_province FOREIGN KEY(tenant_code, province) REFERENCES tenant (code, province),
    CONSTRAINT fk_tenant_division_tenant_code_prefecture FOREIGN KEY(tenant_code, prefecture) REFERENCES tenant (code, prefecture)
);

CREATE INDEX ix_tenant_division_code ON tenant_division (division_code, valid_from);

alter table tenant_division enable row level security;

alter table tenant_division force row level security;

create policy seen on tenant_division for select using (true);

create policy written on tenant_division for insert with check (((current_setting('app.level', true) = 'province' and province = nullif(current_setting('app.tenant', true), '')::char(6)) or (current_setting('app.level', true) = 'prefecture' and prefecture = nullif(current_setting('app.tenant', true), '')::char(6))) and tenant_code <> nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on tenant_division to bangfu_app;

CREATE TABLE tenant_parameter (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    valid_from DATE NOT NULL,
    value JSONB,
    source TEXT NOT NULL,
    clause TEXT NOT NULL,
    actor TEXT NOT NULL,
    proposal_id UUID,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_tenant_parameter PRIMARY KEY (tenant, id),
    CONSTRAINT ck_tenant_parameter_proposed CHECK (actor like 'system:%%' or proposal_id is not null),
    CONSTRAINT uq_tenant_parameter_tenant_proposal_id UNIQUE (tenant, proposal_id),
    CONSTRAINT fk_tenant_parameter_tenant_proposal_id FOREIGN KEY(tenant, proposal_id) REFERENCES parameter_proposal (tenant, id)
);

alter table tenant_parameter enable row level security;

alter table tenant_parameter force row level security;

create policy seen on tenant_parameter for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) or tenant = nullif(current_setting('app.prefecture', true), '')::char(6) or tenant = nullif(current_setting('app.province', true), '')::char(6));

create policy written on tenant_parameter for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on tenant_parameter to bangfu_app;

CREATE TABLE worker_file (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    worker_id UUID NOT NULL,
    pinyin TEXT COLLATE "C" NOT NULL,
    file_number TEXT NOT NULL,
    township VARCHAR,
    status TEXT NOT NULL,
    kind VARCHAR,
    former_kind VARCHAR,
    categories TEXT[] NOT NULL,
    opened_on DATE NOT NULL,
    updated_on DATE NOT NULL,
    employer_id UUID,
    employer_name VARCHAR,
    employer_nature VARCHAR,
    employer_condition VARCHAR,
    industry VARCHAR,
    work_started_on DATE,
    model_worker_rank VARCHAR,
    single_parent BOOLEAN,
    self_help_ability BOOLEAN,
    zero_employment BOOLEAN,
    main_cause VARCHAR,
    secondary_causes TEXT[] NOT NULL,
    applied_programmes TEXT[] NOT NULL,
    bank_name VARCHAR,
    bank_branch VARCHAR,
    account_cipher BYTEA,
    account_masked VARCHAR,
    account_token BYTEA,
    other_contact VARCHAR,
    attachments_note VARCHAR,
    remark VARCHAR,
    file_opener VARCHAR,
    reviewer VARCHAR,
    data_entry_clerk VARCHAR,
    opinions JSONB NOT NULL,
    import_id UUID,
    import_key VARCHAR,
    import_version INTEGER,
    version INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_worker_file PRIMARY KEY (tenant, id),
    CONSTRAINT uq_worker_file_tenant_household_id UNIQUE (tenant, household_id),
    CONSTRAINT uq_worker_file_tenant_file_number UNIQUE (tenant, file_number),
    CONSTRAINT ck_worker_file_status CHECK (status in ('draft', 'first_checked', 'visited', 'civil_affairs_checked', 'public_notice', 'on_file', 'out_of_difficulty', 'moved', 'died', 'cancelled', 'merged')),
    CONSTRAINT ck_worker_file_kind CHECK (kind is null or kind in ('deep', 'relative', 'accident')),
    CONSTRAINT ck_worker_file_former_kind CHECK (former_kind is null or former_kind in ('low_income', 'low_income_edge', 'accident', 'above_line', 'receiving', 'not_receiving')),
    CONSTRAINT ck_worker_file_secondary_causes CHECK (cardinality(secondary_causes) <= 3),
    CONSTRAINT fk_worker_file_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id),
    CONSTRAINT fk_worker_file_tenant_worker_id FOREIGN KEY(tenant, worker_id) REFERENCES person (tenant, id),
    CONSTRAINT fk_worker_file_tenant_employer_id FOREIGN KEY(tenant, employer_id) REFERENCES employer (tenant, id)
);

CREATE INDEX ix_worker_file_account ON worker_file (tenant, account_token);

CREATE INDEX ix_worker_file_counts ON worker_file (tenant, status, kind);

CREATE INDEX ix_worker_file_employer ON worker_file (tenant, employer_id, pinyin, id) WHERE employer_id is not null;

CREATE INDEX ix_worker_file_kind ON worker_file (tenant, kind, pinyin, id);

CREATE INDEX ix_worker_file_pinyin ON worker_file (tenant, pinyin, id) INCLUDE (household_id, categories);

CREATE INDEX ix_worker_file_reassess ON worker_file (tenant, pinyin, id) WHERE former_kind is not null and kind is null;

CREATE INDEX ix_worker_file_status ON worker_file (tenant, status, pinyin, id) INCLUDE (updated_on);

CREATE INDEX ix_worker_file_township ON worker_file (tenant, township, pinyin, id);

CREATE INDEX ix_worker_file_updated ON worker_file (tenant, status, updated_on);

CREATE INDEX ix_worker_file_worker ON worker_file (tenant, worker_id);

alter table worker_file enable row level security;

alter table worker_file force row level security;

create policy seen on worker_file for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on worker_file for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on worker_file for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create function worker_file_kept_1() returns trigger language plpgsql as $$
begin
    select p.pinyin into new.pinyin from public.person p where p.tenant = new.tenant and p.id = new.worker_id;
    return new;
end $$;

create trigger kept_1 before insert on worker_file for each row when (new.pinyin is null) execute function worker_file_kept_1();

create function worker_file_kept_2() returns trigger language plpgsql as $$
begin
    select p.pinyin into new.pinyin from public.person p where p.tenant = new.tenant and p.id = new.worker_id;
    return new;
end $$;

create trigger kept_2 before update of worker_id, pinyin on worker_file for each row execute function worker_file_kept_2();

grant select, insert, update on worker_file to bangfu_app;

CREATE TABLE erasure (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    household_id UUID NOT NULL,
    whole BOOLEAN NOT NULL,
    persons UUID[] NOT NULL,
    ground TEXT NOT NULL,
    request_id UUID,
    reason TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_persons TEXT[] NOT NULL,
    proposed_on DATE NOT NULL,
    state TEXT NOT NULL,
    decided_by VARCHAR,
    decided_on DATE,
    decided_why VARCHAR,
    objects TEXT[] NOT NULL,
    objects_gone_at TIMESTAMP WITH TIME ZONE,
    replayed_at TIMESTAMP WITH TIME ZONE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_erasure PRIMARY KEY (tenant, id),
    CONSTRAINT ck_erasure_state CHECK (state in ('proposed', 'done', 'refused', 'withdrawn')),
    CONSTRAINT ck_erasure_ground CHECK (ground in ('retention', 'wish')),
    CONSTRAINT ck_erasure_proposed_by_a_person CHECK (proposed_by = any (proposed_persons)),
    CONSTRAINT ck_erasure_two_people CHECK (decided_by <> all (proposed_persons) or state = 'withdrawn'),
    CONSTRAINT ck_erasure_decided_by_somebody CHECK ((state = 'proposed') = (decided_by is null)),
    CONSTRAINT ck_erasure_somebody CHECK (cardinality(persons) > 0),
    CONSTRAINT fk_erasure_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id),
    CONSTRAINT fk_erasure_tenant_request_id FOREIGN KEY(tenant, request_id) REFERENCES rights_request (tenant, id)
);

CREATE INDEX ix_erasure_household ON erasure (tenant, household_id);

CREATE INDEX ix_erasure_state ON erasure (tenant, state);

CREATE UNIQUE INDEX uq_erasure_one_proposed ON erasure (tenant, household_id) WHERE state = 'proposed';

alter table erasure enable row level security;

alter table erasure force row level security;

create policy seen on erasure for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on erasure for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on erasure for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of reason on erasure for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (state, decided_by, decided_on, decided_why, persons, objects, objects_gone_at, replayed_at, reason) on erasure to bangfu_app;

CREATE TABLE forecast_household (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    forecast_id UUID NOT NULL,
    household_id UUID NOT NULL,
    way TEXT NOT NULL,
    kind_before VARCHAR,
    kind_after VARCHAR,
    fen_before BIGINT NOT NULL,
    fen_after BIGINT NOT NULL,
    CONSTRAINT pk_forecast_household PRIMARY KEY (tenant, id),
    CONSTRAINT uq_forecast_household_tenant_forecast_id_household_id UNIQUE (tenant, forecast_id, household_id),
    CONSTRAINT ck_forecast_household_way CHECK (way in ('gain', 'lose', 'other')),
    CONSTRAINT fk_forecast_household_tenant_forecast_id FOREIGN KEY(tenant, forecast_id) REFERENCES parameter_forecast (tenant, id),
    CONSTRAINT fk_forecast_household_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_forecast_household_way ON forecast_household (tenant, forecast_id, way, household_id);

alter table forecast_household enable row level security;

alter table forecast_household force row level security;

create policy seen on forecast_household for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on forecast_household for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on forecast_household to bangfu_app;

CREATE TABLE grant_beneficiary (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    grant_id UUID NOT NULL,
    person_id UUID NOT NULL,
    amount_fen BIGINT NOT NULL,
    CONSTRAINT pk_grant_beneficiary PRIMARY KEY (tenant, id),
    CONSTRAINT uq_grant_beneficiary_tenant_grant_id_person_id UNIQUE (tenant, grant_id, person_id),
    CONSTRAINT ck_grant_beneficiary_amount CHECK (amount_fen > 0),
    CONSTRAINT fk_grant_beneficiary_tenant_grant_id FOREIGN KEY(tenant, grant_id) REFERENCES relief_grant (tenant, id),
    CONSTRAINT fk_grant_beneficiary_tenant_person_id FOREIGN KEY(tenant, person_id) REFERENCES person (tenant, id)
);

alter table grant_beneficiary enable row level security;

alter table grant_beneficiary force row level security;

create policy seen on grant_beneficiary for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on grant_beneficiary for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on grant_beneficiary to bangfu_app;

CREATE TABLE grant_occurrence (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    programme TEXT NOT NULL,
    occurrence TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id UUID NOT NULL,
    grant_id UUID,
    former_tenant CHAR(6),
    released BOOLEAN NOT NULL,
    CONSTRAINT pk_grant_occurrence PRIMARY KEY (tenant, id),
    CONSTRAINT ck_grant_occurrence_subject_kind CHECK (subject_kind in ('household', 'beneficiary')),
    CONSTRAINT ck_grant_occurrence_granted_somewhere CHECK ((grant_id is null) = (former_tenant is not null)),
    CONSTRAINT ck_grant_occurrence_had_elsewhere CHECK (grant_id is not null or not released),
    CONSTRAINT fk_grant_occurrence_tenant_grant_id_released FOREIGN KEY(tenant, grant_id, released) REFERENCES relief_grant (tenant, id, released) ON UPDATE CASCADE
);

CREATE INDEX ix_grant_occurrence_grant ON grant_occurrence (tenant, grant_id);

CREATE UNIQUE INDEX uq_grant_occurrence_once ON grant_occurrence (tenant, programme, occurrence, subject_id) WHERE not released;

alter table grant_occurrence enable row level security;

alter table grant_occurrence force row level security;

create policy seen on grant_occurrence for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on grant_occurrence for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on grant_occurrence to bangfu_app;

CREATE TABLE handler_change (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    added TEXT[] NOT NULL,
    removed TEXT[] NOT NULL,
    clears BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    ground VARCHAR,
    order_number VARCHAR,
    decides TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_persons TEXT[] NOT NULL,
    asked_on DATE NOT NULL,
    expires_on DATE NOT NULL,
    state TEXT NOT NULL,
    decided_by VARCHAR,
    decided_on DATE,
    decided_why VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_handler_change PRIMARY KEY (tenant, id),
    CONSTRAINT ck_handler_change_decides CHECK (decides in ('handler', 'vice_chair', 'leader')),
    CONSTRAINT ck_handler_change_state CHECK (state in ('asked', 'agreed', 'refused', 'withdrawn', 'lapsed')),
    CONSTRAINT ck_handler_change_decided_by_somebody CHECK ((state in ('agreed', 'refused')) = (decided_by is not null)),
    CONSTRAINT ck_handler_change_asked_by_a_person CHECK (asked_by = any (asked_persons)),
    CONSTRAINT ck_handler_change_two_people CHECK (decided_by <> all (asked_persons)),
    CONSTRAINT ck_handler_change_not_decided_by_the_named CHECK (decided_by <> all (added || removed)),
    CONSTRAINT ck_handler_change_names_somebody CHECK (cardinality(added) + cardinality(removed) > 0),
    CONSTRAINT ck_handler_change_an_emergency_has_a_ground CHECK ((decides = 'leader') = (ground is not null)),
    CONSTRAINT ck_handler_change_ground CHECK (ground in ('nobody_left', 'order')),
    CONSTRAINT ck_handler_change_an_order_has_a_number CHECK ((order_number is not null) = (ground is not distinct from 'order')),
    CONSTRAINT ck_handler_change_nobody_opens_it_to_himself CHECK (case when decides = 'leader' then cardinality(removed) = 0 and not added && asked_persons else not clears end),
    CONSTRAINT fk_handler_change_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES sealed_case (tenant, id)
);

CREATE INDEX ix_handler_change_state ON handler_change (tenant, state) INCLUDE (handlers);

CREATE UNIQUE INDEX uq_handler_change_one_asked ON handler_change (tenant, case_id, decides) WHERE state = 'asked';

alter table handler_change enable row level security;

alter table handler_change force row level security;

create policy seen on handler_change for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on handler_change for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on handler_change for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or case_id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (state, decided_by, decided_on, decided_why) on handler_change to bangfu_app;

CREATE TABLE instalment (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    grant_id UUID NOT NULL,
    released BOOLEAN NOT NULL,
    no INTEGER NOT NULL,
    due_on DATE NOT NULL,
    amount_fen BIGINT NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_instalment PRIMARY KEY (tenant, id),
    CONSTRAINT uq_instalment_tenant_grant_id_no UNIQUE (tenant, grant_id, no),
    CONSTRAINT uq_instalment_tenant_id_grant_id_amount_fen UNIQUE (tenant, id, grant_id, amount_fen),
    CONSTRAINT ck_instalment_amount CHECK (amount_fen > 0),
    CONSTRAINT ck_instalment_state CHECK (state in ('due', 'paid', 'cancelled')),
    CONSTRAINT ck_instalment_paid_is_not_released CHECK (not (released and state = 'paid')),
    CONSTRAINT fk_instalment_tenant_grant_id_released FOREIGN KEY(tenant, grant_id, released) REFERENCES relief_grant (tenant, id, released) ON UPDATE CASCADE
);

alter table instalment enable row level security;

alter table instalment force row level security;

create policy seen on instalment for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on instalment for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on instalment for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (state) on instalment to bangfu_app;

CREATE TABLE handler_news (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    change_id UUID NOT NULL,
    number TEXT NOT NULL,
    part TEXT NOT NULL,
    told_on DATE NOT NULL,
    seen_on DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    handlers TEXT[],
    CONSTRAINT pk_handler_news PRIMARY KEY (tenant, id),
    CONSTRAINT ck_handler_news_part CHECK (part in ('joined', 'left', 'stays')),
    CONSTRAINT ck_handler_news_one_person CHECK (handlers is not null and cardinality(handlers) = 1),
    CONSTRAINT fk_handler_news_tenant_change_id FOREIGN KEY(tenant, change_id) REFERENCES handler_change (tenant, id)
);

CREATE INDEX ix_handler_news_unseen ON handler_news (tenant, at) WHERE seen_on is null;

alter table handler_news enable row level security;

alter table handler_news force row level security;

create policy seen on handler_news for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or id = nullif(current_setting('app.opened', true), '')::uuid));

create policy written on handler_news for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on handler_news for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and (handlers is null or current_setting('app.actor', true) = any (handlers) or id = nullif(current_setting('app.opened', true), '')::uuid)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (seen_on) on handler_news to bangfu_app;

CREATE TABLE payment_attempt (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    instalment_id UUID NOT NULL,
    grant_id UUID NOT NULL,
    batch_id UUID NOT NULL,
    payee_id UUID NOT NULL,
    amount_fen BIGINT NOT NULL,
    state TEXT NOT NULL,
    bank_reason VARCHAR,
    account_cipher BYTEA,
    account_masked VARCHAR,
    account_token BYTEA,
    settled_on DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_payment_attempt PRIMARY KEY (tenant, id),
    CONSTRAINT uq_payment_attempt_tenant_id_grant_id_amount_fen UNIQUE (tenant, id, grant_id, amount_fen),
    CONSTRAINT ck_payment_attempt_state CHECK (state in ('open', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT ck_payment_attempt_failed_with_a_reason CHECK ((state = 'failed') = (bank_reason is not null)),
    CONSTRAINT ck_payment_attempt_amount CHECK (amount_fen > 0),
    CONSTRAINT fk_payment_attempt_tenant_instalment_id_grant_id_amount_fen FOREIGN KEY(tenant, instalment_id, grant_id, amount_fen) REFERENCES instalment (tenant, id, grant_id, amount_fen),
    CONSTRAINT fk_payment_attempt_tenant_batch_id FOREIGN KEY(tenant, batch_id) REFERENCES payment_batch (tenant, id),
    CONSTRAINT fk_payment_attempt_tenant_payee_id FOREIGN KEY(tenant, payee_id) REFERENCES person (tenant, id)
);

CREATE INDEX ix_payment_attempt_account ON payment_attempt (tenant, account_token);

CREATE INDEX ix_payment_attempt_batch ON payment_attempt (tenant, batch_id);

CREATE UNIQUE INDEX uq_payment_attempt_one_live ON payment_attempt (tenant, instalment_id) WHERE state in ('open', 'succeeded');

alter table payment_attempt enable row level security;

alter table payment_attempt force row level security;

create policy seen on payment_attempt for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on payment_attempt for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on payment_attempt for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create trigger erased before update of account_cipher, account_masked, account_token on payment_attempt for each row when (current_user = 'bangfu_app') execute function public.refuse_but_erasure();

grant select, insert, update (state, bank_reason, settled_on, account_cipher, account_masked, account_token) on payment_attempt to bangfu_app;

CREATE TABLE ledger_entry (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    year INTEGER NOT NULL,
    voucher BIGINT NOT NULL,
    kind TEXT NOT NULL,
    legs JSONB NOT NULL,
    origin_id UUID GENERATED ALWAYS AS (((legs -> 0) ->> 'account'::text)::uuid) STORED NOT NULL,
    target_id UUID GENERATED ALWAYS AS (((legs -> 1) ->> 'account'::text)::uuid) STORED NOT NULL,
    amount_fen BIGINT NOT NULL,
    business_date DATE NOT NULL,
    idempotency_key TEXT NOT NULL,
    grant_id UUID,
    attempt_id UUID,
    note TEXT NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_ledger_entry PRIMARY KEY (tenant, id),
    CONSTRAINT uq_ledger_entry_tenant_idempotency_key UNIQUE (tenant, idempotency_key),
    CONSTRAINT uq_ledger_entry_tenant_year_voucher UNIQUE (tenant, year, voucher),
    CONSTRAINT ck_ledger_entry_kind CHECK (kind in ('receipt', 'reserve', 'release', 'pay', 'reverse', 'carry')),
    CONSTRAINT ck_ledger_entry_amount CHECK (amount_fen > 0),
    CONSTRAINT ck_ledger_entry_balanced CHECK ((jsonb_array_length(legs) = 2 and (legs -> 0 ->> 'fen')::bigint = -amount_fen and (legs -> 1 ->> 'fen')::bigint = amount_fen) is true),
    CONSTRAINT ck_ledger_entry_two_accounts CHECK (origin_id <> target_id),
    CONSTRAINT ck_ledger_entry_of_a_grant CHECK ((kind in ('receipt', 'carry')) = (grant_id is null)),
    CONSTRAINT ck_ledger_entry_of_a_payment CHECK ((kind in ('pay', 'reverse')) = (attempt_id is not null)),
    CONSTRAINT fk_ledger_entry_tenant_origin_id_year FOREIGN KEY(tenant, origin_id, year) REFERENCES fund_account (tenant, id, year),
    CONSTRAINT fk_ledger_entry_tenant_target_id_year FOREIGN KEY(tenant, target_id, year) REFERENCES fund_account (tenant, id, year),
    CONSTRAINT fk_ledger_entry_tenant_grant_id FOREIGN KEY(tenant, grant_id) REFERENCES relief_grant (tenant, id),
    CONSTRAINT fk_ledger_entry_tenant_attempt_id_grant_id_amount_fen FOREIGN KEY(tenant, attempt_id, grant_id, amount_fen) REFERENCES payment_attempt (tenant, id, grant_id, amount_fen)
);

CREATE INDEX ix_ledger_entry_grant ON ledger_entry (tenant, grant_id);

CREATE UNIQUE INDEX uq_ledger_entry_payment_once ON ledger_entry (tenant, attempt_id, kind) WHERE attempt_id is not null;

alter table ledger_entry enable row level security;

alter table ledger_entry force row level security;

create policy seen on ledger_entry for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on ledger_entry for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on ledger_entry to bangfu_app;

CREATE TABLE payment_reversal (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    attempt_id UUID NOT NULL,
    reason TEXT NOT NULL,
    slip TEXT NOT NULL,
    state TEXT NOT NULL,
    told_by TEXT NOT NULL,
    told_on DATE NOT NULL,
    decided_by VARCHAR,
    decided_on DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_payment_reversal PRIMARY KEY (tenant, id),
    CONSTRAINT ck_payment_reversal_state CHECK (state in ('told', 'approved', 'declined')),
    CONSTRAINT ck_payment_reversal_decided_by_somebody CHECK ((state = 'told') = (decided_by is null)),
    CONSTRAINT ck_payment_reversal_two_people CHECK (decided_by <> told_by),
    CONSTRAINT fk_payment_reversal_tenant_attempt_id FOREIGN KEY(tenant, attempt_id) REFERENCES payment_attempt (tenant, id)
);

CREATE UNIQUE INDEX uq_payment_reversal_one ON payment_reversal (tenant, attempt_id) WHERE state <> 'declined';

alter table payment_reversal enable row level security;

alter table payment_reversal force row level security;

create policy seen on payment_reversal for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on payment_reversal for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on payment_reversal for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (state, decided_by, decided_on) on payment_reversal to bangfu_app;

CREATE TABLE opening_balance (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    year INTEGER NOT NULL,
    source TEXT NOT NULL,
    purpose TEXT NOT NULL,
    amount_fen BIGINT NOT NULL,
    document TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    told_by TEXT NOT NULL,
    told_on DATE NOT NULL,
    decided_by VARCHAR,
    decided_on DATE,
    entry_id UUID,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_opening_balance PRIMARY KEY (tenant, id),
    CONSTRAINT ck_opening_balance_state CHECK (state in ('told', 'confirmed', 'declined')),
    CONSTRAINT ck_opening_balance_amount CHECK ((amount_fen > 0) = (source <> '') and (source <> '') = (purpose <> '')),
    CONSTRAINT ck_opening_balance_not_negative CHECK (amount_fen >= 0),
    CONSTRAINT ck_opening_balance_two_people CHECK (decided_by is null or decided_by <> told_by),
    CONSTRAINT ck_opening_balance_decided CHECK ((state = 'told') = (decided_by is null)),
    CONSTRAINT ck_opening_balance_booked CHECK ((entry_id is not null) = (state = 'confirmed' and amount_fen > 0)),
    CONSTRAINT fk_opening_balance_tenant_entry_id FOREIGN KEY(tenant, entry_id) REFERENCES ledger_entry (tenant, id)
);

CREATE UNIQUE INDEX uq_opening_balance_once ON opening_balance (tenant, year, source, purpose) WHERE state <> 'declined';

alter table opening_balance enable row level security;

alter table opening_balance force row level security;

create policy seen on opening_balance for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on opening_balance for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on opening_balance for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (state, decided_by, decided_on, entry_id) on opening_balance to bangfu_app;
