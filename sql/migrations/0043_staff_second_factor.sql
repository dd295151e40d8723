-- The second factor of staff with a password here, as that of travelers.
create table staff_second_factors (
    staff_id uuid primary key references staff on delete cascade,
    sealed bytea not null,
    created_at timestamptz not null,
    confirmed_at timestamptz,
    last_step bigint not null default 0
);
create table staff_recovery_codes (
    staff_id uuid not null references staff on delete cascade,
    hash bytea not null,
    used_at timestamptz,
    primary key (staff_id, hash)
);
alter table staff_sessions add column second_factor boolean not null default false;

-- When requests came through a proxy that the settings do not name (HUB_TRUSTED_PROXIES). One row at most.
create table proxy_sightings (
    id boolean primary key default true check (id),
    seen_at timestamptz not null
);

alter table staff_second_factors enable row level security;
alter table staff_recovery_codes enable row level security;
alter table proxy_sightings enable row level security;
