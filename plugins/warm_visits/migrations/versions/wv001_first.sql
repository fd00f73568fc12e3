CREATE TABLE warm_visits.season (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    year INTEGER NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    opened_by TEXT NOT NULL,
    closed_on DATE,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_season PRIMARY KEY (tenant, id),
    CONSTRAINT uq_season_tenant_year UNIQUE (tenant, year),
    CONSTRAINT ck_season_days CHECK (ends_on > starts_on)
);

alter table warm_visits.season enable row level security;

alter table warm_visits.season force row level security;

create policy seen on warm_visits.season for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on warm_visits.season for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on warm_visits.season for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (closed_on) on warm_visits.season to bangfu_app;

CREATE TABLE warm_visits.goods (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    season_id UUID NOT NULL,
    name TEXT NOT NULL,
    unit TEXT NOT NULL,
    stocked INTEGER NOT NULL,
    per_visit INTEGER NOT NULL,
    CONSTRAINT pk_goods PRIMARY KEY (tenant, id),
    CONSTRAINT uq_goods_tenant_season_id_name UNIQUE (tenant, season_id, name),
    CONSTRAINT ck_goods_stocked CHECK (stocked >= 0),
    CONSTRAINT ck_goods_per_visit CHECK (per_visit > 0),
    CONSTRAINT fk_goods_tenant_season_id FOREIGN KEY(tenant, season_id) REFERENCES warm_visits.season (tenant, id)
);

alter table warm_visits.goods enable row level security;

alter table warm_visits.goods force row level security;

create policy seen on warm_visits.goods for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on warm_visits.goods for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on warm_visits.goods for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (stocked) on warm_visits.goods to bangfu_app;

CREATE TABLE warm_visits.route (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    season_id UUID NOT NULL,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    visit_on DATE NOT NULL,
    visitors TEXT[] NOT NULL,
    made_by TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_route PRIMARY KEY (tenant, id),
    CONSTRAINT uq_route_tenant_season_id_number UNIQUE (tenant, season_id, number),
    CONSTRAINT fk_route_tenant_season_id FOREIGN KEY(tenant, season_id) REFERENCES warm_visits.season (tenant, id)
);

alter table warm_visits.route enable row level security;

alter table warm_visits.route force row level security;

create policy seen on warm_visits.route for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on warm_visits.route for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on warm_visits.route for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (visit_on, visitors) on warm_visits.route to bangfu_app;

CREATE TABLE warm_visits.signed_list (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    route_id UUID NOT NULL,
    document_id UUID NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_signed_list PRIMARY KEY (tenant, id),
    CONSTRAINT uq_signed_list_tenant_document_id UNIQUE (tenant, document_id),
    CONSTRAINT fk_signed_list_tenant_route_id FOREIGN KEY(tenant, route_id) REFERENCES warm_visits.route (tenant, id),
    CONSTRAINT fk_signed_list_tenant_document_id FOREIGN KEY(tenant, document_id) REFERENCES document (tenant, id)
);

CREATE INDEX ix_warm_visits_signed_list_route_id ON warm_visits.signed_list (tenant, route_id);

alter table warm_visits.signed_list enable row level security;

alter table warm_visits.signed_list force row level security;

create policy seen on warm_visits.signed_list for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on warm_visits.signed_list for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on warm_visits.signed_list to bangfu_app;

CREATE TABLE warm_visits.stop (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    season_id UUID NOT NULL,
    household_id UUID NOT NULL,
    case_id UUID NOT NULL,
    kind TEXT NOT NULL,
    route_id UUID,
    place INTEGER,
    CONSTRAINT pk_stop PRIMARY KEY (tenant, id),
    CONSTRAINT uq_stop_tenant_case_id UNIQUE (tenant, case_id),
    CONSTRAINT uq_stop_tenant_season_id_household_id UNIQUE (tenant, season_id, household_id),
    CONSTRAINT ck_stop_a_place_on_a_route CHECK ((route_id is null) = (place is null)),
    CONSTRAINT fk_stop_tenant_season_id FOREIGN KEY(tenant, season_id) REFERENCES warm_visits.season (tenant, id),
    CONSTRAINT fk_stop_tenant_route_id FOREIGN KEY(tenant, route_id) REFERENCES warm_visits.route (tenant, id),
    CONSTRAINT fk_stop_tenant_household_id FOREIGN KEY(tenant, household_id) REFERENCES household (tenant, id),
    CONSTRAINT fk_stop_tenant_case_id FOREIGN KEY(tenant, case_id) REFERENCES case_record (tenant, id)
);

CREATE INDEX ix_warm_visits_stop_route_id ON warm_visits.stop (tenant, route_id);

alter table warm_visits.stop enable row level security;

alter table warm_visits.stop force row level security;

create policy seen on warm_visits.stop for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on warm_visits.stop for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy changed on warm_visits.stop for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert, update (route_id, place) on warm_visits.stop to bangfu_app;

CREATE TABLE warm_visits.visit (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    stop_id UUID NOT NULL,
    route_id UUID NOT NULL,
    outcome TEXT NOT NULL,
    made_on DATE NOT NULL,
    visitors TEXT[] NOT NULL,
    received_by VARCHAR,
    note TEXT NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_visit PRIMARY KEY (tenant, id),
    CONSTRAINT ck_visit_outcome CHECK (outcome in ('visited', 'missed')),
    CONSTRAINT ck_visit_received_by_somebody CHECK ((outcome = 'visited') = (received_by is not null)),
    CONSTRAINT fk_visit_tenant_stop_id FOREIGN KEY(tenant, stop_id) REFERENCES warm_visits.stop (tenant, id),
    CONSTRAINT fk_visit_tenant_route_id FOREIGN KEY(tenant, route_id) REFERENCES warm_visits.route (tenant, id)
);

CREATE INDEX ix_warm_visits_visit_stop_id ON warm_visits.visit (tenant, stop_id);

alter table warm_visits.visit enable row level security;

alter table warm_visits.visit force row level security;

create policy seen on warm_visits.visit for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on warm_visits.visit for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy erased on warm_visits.visit for update using (tenant = nullif(current_setting('app.tenant', true), '')::char(6)) with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6) and public.erasure_confirmed());

grant select, insert, update (received_by, note) on warm_visits.visit to bangfu_app;

CREATE TABLE warm_visits.handed (
    tenant CHAR(6) NOT NULL,
    id UUID NOT NULL,
    visit_id UUID NOT NULL,
    goods_id UUID NOT NULL,
    quantity INTEGER NOT NULL,
    CONSTRAINT pk_handed PRIMARY KEY (tenant, id),
    CONSTRAINT uq_handed_tenant_visit_id_goods_id UNIQUE (tenant, visit_id, goods_id),
    CONSTRAINT ck_handed_quantity CHECK (quantity > 0),
    CONSTRAINT fk_handed_tenant_visit_id FOREIGN KEY(tenant, visit_id) REFERENCES warm_visits.visit (tenant, id),
    CONSTRAINT fk_handed_tenant_goods_id FOREIGN KEY(tenant, goods_id) REFERENCES warm_visits.goods (tenant, id)
);

CREATE INDEX ix_warm_visits_handed_goods_id ON warm_visits.handed (tenant, goods_id);

alter table warm_visits.handed enable row level security;

alter table warm_visits.handed force row level security;

create policy seen on warm_visits.handed for select using (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

create policy written on warm_visits.handed for insert with check (tenant = nullif(current_setting('app.tenant', true), '')::char(6));

grant select, insert on warm_visits.handed to bangfu_app;
