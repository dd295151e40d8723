-- Rows that a sweep could not process. Each is retried later by itself; after repeated failure it becomes a review item.
-- Without foreign keys: a failure has to be recorded whatever is wrong with the row.
create table row_failures (
    sweep text not null,
    row_id text not null,
    booking_id uuid,
    payment_id uuid,
    failures integer not null default 1 check (failures > 0),
    error text not null,
    -- The cause lies outside of the row: a provider that is not available.
    transient boolean not null,
    first_failed_at timestamptz not null,
    last_failed_at timestamptz not null,
    retry_at timestamptz not null,
    primary key (sweep, row_id)
);
alter table row_failures enable row level security;

-- Review items about what is neither a booking nor a payment are told apart by their subject.
alter table attention add column subject text;
drop index attention_open;
create unique index attention_open on attention (kind, coalesce(subject, booking_id::text, payment_id::text))
    where resolved_at is null;
