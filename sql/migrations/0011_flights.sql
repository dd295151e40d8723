-- What was found, so that any node can find an offer again until it expires. It holds suppliers' tokens.
create table flight_searches (
    id uuid primary key,
    query jsonb not null,
    offers jsonb not null,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index flight_searches_expiry on flight_searches (expires_at);

alter table flight_searches enable row level security;
