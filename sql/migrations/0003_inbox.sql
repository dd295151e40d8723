-- Webhooks as they came. The unique event is what makes ten deliveries one.
create table webhook_events (
    id bigint generated always as identity primary key,
    provider text not null,
    event_id text not null,
    type text not null,
    payload jsonb not null,
    raw bytea not null,
    occurred_at timestamptz,
    received_at timestamptz not null,
    processed_at timestamptz,
    status text not null default 'received' check (status in ('received', 'processed', 'ignored')),
    deliveries integer not null default 1,
    booking_id uuid,
    unique (provider, event_id)
);
create index webhook_events_waiting on webhook_events (received_at) where status = 'received';
create index webhook_events_booking on webhook_events (booking_id) where booking_id is not null;

alter table webhook_events enable row level security;
