-- Every call to a provider, one row an attempt: for the story of a booking and for looking back at an outage.
-- No addresses, headers or bodies. Only the hub reads it: row-level security is on, and there is no policy.
create table provider_calls (
    id bigint generated always as identity primary key,
    provider text not null,
    operation text not null,
    attempt integer not null,
    method text not null,
    status integer,
    outcome text not null,
    duration_ms double precision not null,
    idempotency_key text,
    booking_id uuid,
    request_id text,
    provider_request_id text,
    started_at timestamptz not null
);
create index provider_calls_booking on provider_calls (booking_id, started_at) where booking_id is not null;
create index provider_calls_started on provider_calls (started_at);

alter table provider_calls enable row level security;
