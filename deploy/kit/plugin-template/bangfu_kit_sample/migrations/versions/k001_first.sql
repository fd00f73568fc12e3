CREATE TABLE kit_sample.visit (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    made_on DATE NOT NULL,
    actor TEXT NOT NULL,
    note TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_visit PRIMARY KEY (tenant, id),
    CONSTRAINT fk_visit_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id)
);

CREATE INDEX ix_kit_sample_visit_case_id ON kit_sample.visit (tenant, case_id);

alter table kit_sample.visit enable row level security;

alter table kit_sample.visit force row level security;

create policy seen on kit_sample.visit for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on kit_sample.visit for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on kit_sample.visit for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update on kit_sample.visit to bangfu_app;
