-- Travellers, and how they prove who they are.
create table customers (
    id uuid primary key,
    email text not null,
    name text not null,
    phone text,
    created_at timestamptz not null,
    payment_customer_id text
);
create unique index customers_email on customers (lower(email));

create table credentials (
    customer_id uuid primary key references customers on delete cascade,
    password_hash text not null,
    changed_at timestamptz not null
);

create table sessions (
    id uuid primary key,
    customer_id uuid not null references customers on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_because text,
    ip text,
    user_agent text
);
create index sessions_customer on sessions (customer_id);

-- One family of rotating tokens per session. Only hashes are kept.
create table refresh_tokens (
    hash bytea primary key,
    session_id uuid not null references sessions on delete cascade,
    issued_at timestamptz not null,
    used_at timestamptz
);
create index refresh_tokens_session on refresh_tokens (session_id);

alter table customers enable row level security;
alter table credentials enable row level security;
alter table sessions enable row level security;
alter table refresh_tokens enable row level security;
grant select on customers, sessions to authenticated;
create policy own_customer on customers for select to authenticated using (id = auth.uid());
create policy own_sessions on sessions for select to authenticated using (customer_id = auth.uid());
