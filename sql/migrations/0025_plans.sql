-- Trip plans: what was asked for, every version of what came of it, and the steps by which a reader saw it appear.
create table trip_plans (
    id uuid primary key,
    customer_id uuid not null references customers on delete cascade,
    status text not null default 'making' check (status in ('making', 'ready', 'failed')),
    visibility text not null default 'private' check (visibility in ('private', 'link', 'public')),
    share_token text,
    version integer not null default 0 check (version >= 0),
    title text not null default '',
    destination text not null,
    starts_on date not null,
    ends_on date not null check (ends_on >= starts_on),
    place text not null,
    words text not null,
    request jsonb not null,
    cache_key bytea,
    planner text,
    model text,
    failure text,
    notify boolean not null default false,
    idempotency_key text,
    fingerprint bytea,
    lease uuid,
    lease_until timestamptz,
    cached_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ready_at timestamptz,
    unique (customer_id, idempotency_key),
    check (status <> 'ready' or version > 0),
    check (visibility <> 'link' or share_token is not null)
);
create index trip_plans_customer on trip_plans (customer_id, created_at desc);
create index trip_plans_making on trip_plans (updated_at) where status = 'making';
create index trip_plans_leased on trip_plans (customer_id) where lease is not null;
create index trip_plans_cache on trip_plans (cache_key, ready_at desc) where cache_key is not null;
-- `place` is the destination and `words` the title with it, without accents and capitals: as the hub folds a question.
create index trip_plans_public_words on trip_plans using gin (to_tsvector('simple', words))
    where visibility = 'public' and status = 'ready';
create index trip_plans_public on trip_plans (ready_at desc, id) where visibility = 'public' and status = 'ready';

create table plan_versions (
    plan_id uuid not null references trip_plans on delete cascade,
    version integer not null check (version > 0),
    document jsonb not null,
    reason text not null check (reason in ('made', 'partial', 'edited', 'refined', 'restored')),
    by text not null,
    created_at timestamptz not null,
    primary key (plan_id, version)
);

-- How each version by a planner came about. The prompt is kept without addresses, numbers and names.
create table plan_makings (
    id bigint generated always as identity primary key,
    plan_id uuid not null references trip_plans on delete cascade,
    reason text not null check (reason in ('made', 'refined')),
    outcome text not null,
    version integer,
    planner text,
    prompt jsonb not null,
    models jsonb not null default '[]',
    checks jsonb not null default '[]',
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cost bigint not null default 0,
    currency text,
    started_at timestamptz not null,
    ended_at timestamptz not null
);
create index plan_makings_plan on plan_makings (plan_id, id);

-- What a reader of the stream was sent, to be sent again to who comes back; gone a day after the plan is made.
create table plan_events (
    plan_id uuid not null references trip_plans on delete cascade,
    seq integer not null check (seq > 0),
    event text not null check (event in ('status', 'day', 'budget', 'done', 'error')),
    data jsonb not null,
    at timestamptz not null,
    primary key (plan_id, seq)
);

-- What a plan stands on. It holds the suppliers' own tokens: no traveller's role can read this table.
create table plan_grounds (
    plan_id uuid primary key references trip_plans on delete cascade,
    ground jsonb not null,
    at timestamptz not null
);

alter table trip_plans enable row level security;
alter table plan_versions enable row level security;
alter table plan_makings enable row level security;
alter table plan_events enable row level security;
alter table plan_grounds enable row level security;
grant select on trip_plans, plan_versions, plan_makings to authenticated;
create policy own_trip_plans on trip_plans for select to authenticated using (customer_id = auth.uid());
create policy own_plan_versions on plan_versions for select to authenticated
    using (exists (select 1 from trip_plans p where p.id = plan_id and p.customer_id = auth.uid()));
create policy own_plan_makings on plan_makings for select to authenticated
    using (exists (select 1 from trip_plans p where p.id = plan_id and p.customer_id = auth.uid()));
