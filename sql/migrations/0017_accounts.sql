-- Accounts as a product needs them: confirmed addresses, known devices, second factors, keys that rotate, staff.
alter table customers
    add column verified_at timestamptz,
    add column updated_at timestamptz,
    add column erased_at timestamptz;
update customers set verified_at = created_at;  -- accounts from before addresses were confirmed

-- A device that has signed in before. The device keeps the secret, we its hash.
create table devices (
    id uuid primary key,
    customer_id uuid not null references customers on delete cascade,
    hash bytea not null unique,
    ip text,
    user_agent text,
    created_at timestamptz not null,
    last_seen_at timestamptz not null
);
create index devices_customer on devices (customer_id);

alter table sessions
    add column device_id uuid references devices on delete set null,
    add column last_seen_at timestamptz,
    add column second_factor boolean not null default false;
update sessions set last_seen_at = created_at;
alter table sessions alter column last_seen_at set not null;

-- Links in e-mails. The link itself is sealed with the hub's secret, for the writer of the letter.
create table one_time_tokens (
    id uuid primary key,
    customer_id uuid not null references customers on delete cascade,
    purpose text not null check (purpose in ('verify', 'reset')),
    hash bytea unique,
    sealed bytea not null,
    password_hash text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
comment on column one_time_tokens.password_hash is 'the password that comes into force with the confirmation';
create index one_time_tokens_customer on one_time_tokens (customer_id, purpose);
create index one_time_tokens_expiry on one_time_tokens (expires_at);

-- Failed sign-ins since the last good one. `subject` is a keyed hash: no address and no network is readable here.
create table sign_in_failures (
    scope text not null check (scope in ('account', 'device', 'network')),
    subject bytea not null,
    failures int not null,
    last_at timestamptz not null,
    primary key (scope, subject)
);
create index sign_in_failures_age on sign_in_failures (last_at);

create table second_factors (
    customer_id uuid primary key references customers on delete cascade,
    sealed bytea not null,
    created_at timestamptz not null,
    confirmed_at timestamptz,
    last_step bigint not null default 0
);

create table recovery_codes (
    customer_id uuid not null references customers on delete cascade,
    hash bytea not null,
    used_at timestamptz,
    primary key (customer_id, hash)
);

-- The hub's own signing keys; the private half is sealed with the hub's secret.
create table signing_keys (
    kid text primary key,
    public_jwk jsonb not null,
    sealed bytea not null,
    created_at timestamptz not null,
    signs_from timestamptz not null
);

create table staff (
    id uuid primary key,
    email text not null,
    name text not null,
    roles text[] not null check (roles <@ array['staff', 'manager', 'admin', 'accountant']),
    issuer text not null default 'local',
    subject text not null,
    password_hash text,
    created_at timestamptz not null,
    last_seen_at timestamptz,
    disabled_at timestamptz,
    unique (issuer, subject)
);
create unique index staff_email on staff (lower(email)) where issuer = 'local';

create table staff_sessions (
    id uuid primary key,
    staff_id uuid not null references staff on delete cascade,
    hash bytea not null unique,
    sealed bytea,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_because text,
    ip text,
    user_agent text
);
create index staff_sessions_staff on staff_sessions (staff_id);

alter table devices enable row level security;
alter table one_time_tokens enable row level security;
alter table sign_in_failures enable row level security;
alter table second_factors enable row level security;
alter table recovery_codes enable row level security;
alter table signing_keys enable row level security;
alter table staff enable row level security;
alter table staff_sessions enable row level security;
grant select on devices to authenticated;
create policy own_devices on devices for select to authenticated using (customer_id = auth.uid());

-- Letters about the account itself: what they carry a link of, or which sign-in they speak of.
alter table messages
    add column token_id uuid references one_time_tokens on delete set null,
    add column session_id uuid references sessions on delete set null;
