CREATE TABLE mutual_aid.batch (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    number TEXT NOT NULL,
    unit_name TEXT NOT NULL,
    plan TEXT NOT NULL,
    year INTEGER NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE NOT NULL,
    members INTEGER NOT NULL,
    contribution_fen BIGINT NOT NULL,
    registered_by TEXT NOT NULL,
    registered_on DATE NOT NULL,
    entry_id UUID,
    received_on DATE,
    received_by VARCHAR,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_batch PRIMARY KEY (tenant, id),
    CONSTRAINT uq_batch_tenant_number UNIQUE (tenant, number),
    CONSTRAINT uq_batch_tenant_entry_id UNIQUE (tenant, entry_id),
    CONSTRAINT ck_batch_plan CHECK (plan in ('hospital', 'illness')),
    CONSTRAINT ck_batch_days CHECK (valid_to >= valid_from),
    CONSTRAINT ck_batch_counted CHECK (members > 0 and contribution_fen > 0),
    CONSTRAINT ck_batch_received CHECK ((entry_id is null) = (received_by is null) and (entry_id is null) = (received_on is null)),
    CONSTRAINT ck_batch_two_people CHECK (received_by <> registered_by),
    CONSTRAINT fk_batch_tenant_entry_id FOREIGN KEY(tenant, entry_id) REFERENCES ledger_entry (tenant, id)
);

alter table mutual_aid.batch enable row level security;

alter table mutual_aid.batch force row level security;

create policy seen on mutual_aid.batch for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on mutual_aid.batch for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on mutual_aid.batch for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (entry_id, received_on, received_by) on mutual_aid.batch to bangfu_app;

CREATE TABLE mutual_aid.member (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    batch_id UUID NOT NULL,
    year INTEGER NOT NULL,
    plan TEXT NOT NULL,
    worker_id UUID NOT NULL,
    household_id UUID NOT NULL,
    CONSTRAINT pk_member PRIMARY KEY (tenant, id),
    CONSTRAINT uq_member_tenant_year_plan_worker_id UNIQUE (tenant, year, plan, worker_id),
    CONSTRAINT fk_member_tenant_batch_id FOREIGN KEY(tenant, batch_id) REFERENCES mutual_aid.batch (tenant, id),
    CONSTRAINT fk_member_tenant_worker_id FOREIGN KEY(tenant, worker_id) REFERENCES person (tenant, id),
    CONSTRAINT fk_member_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id)
);

CREATE INDEX ix_mutual_aid_member_batch_id ON mutual_aid.member (tenant, batch_id);

CREATE INDEX ix_mutual_aid_member_worker_id ON mutual_aid.member (tenant, worker_id);

alter table mutual_aid.member enable row level security;

alter table mutual_aid.member force row level security;

create policy seen on mutual_aid.member for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on mutual_aid.member for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on mutual_aid.member to bangfu_app;

CREATE TABLE mutual_aid.claim (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    member_id UUID NOT NULL,
    case_id UUID NOT NULL,
    event_from DATE NOT NULL,
    event_to DATE NOT NULL,
    amount_fen BIGINT NOT NULL,
    CONSTRAINT pk_claim PRIMARY KEY (tenant, id),
    CONSTRAINT uq_claim_tenant_case_id UNIQUE (tenant, case_id),
    CONSTRAINT ck_claim_days CHECK (event_to >= event_from),
    CONSTRAINT ck_claim_amount CHECK (amount_fen > 0),
    CONSTRAINT fk_claim_tenant_member_id FOREIGN KEY(tenant, member_id) REFERENCES mutual_aid.member (tenant, id),
    CONSTRAINT fk_claim_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id)
);

CREATE INDEX ix_mutual_aid_claim_member_id ON mutual_aid.claim (tenant, member_id);

alter table mutual_aid.claim enable row level security;

alter table mutual_aid.claim force row level security;

create policy seen on mutual_aid.claim for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on mutual_aid.claim for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on mutual_aid.claim to bangfu_app;
