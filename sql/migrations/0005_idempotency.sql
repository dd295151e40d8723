-- Answers kept for a request that may come again under the same Idempotency-Key.
create table idempotency_keys (
    caller text not null,
    route text not null,
    key text not null,
    fingerprint bytea not null,
    claim uuid not null,
    status text not null check (status in ('in_flight', 'done')),
    response_status smallint,
    response_headers jsonb,
    response_body bytea,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    locked_until timestamptz not null,
    primary key (caller, route, key),
    check (status = 'in_flight' or (response_status is not null and response_body is not null))
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);

-- Only the hub itself reads it: answers hold personal data, and there is no policy for travellers.
alter table idempotency_keys enable row level security;
