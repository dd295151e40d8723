-- Who has closed a break, and with which words. One that a person has closed is not opened again over the same facts.
alter table breaks add column closed_by text, add column note text;
create index breaks_found on breaks (found_at desc, id desc);

-- When the supplier was last asked what became of an order.
alter table supplier_orders add column checked_at timestamptz;
create index supplier_orders_unchecked on supplier_orders (checked_at nulls first) where placed is not null;
create index bookings_changed on bookings (updated_at);
create index payments_changed on payments (updated_at);

-- The runs of the reconciliation. One at a time: whoever has the lease.
create table reconciliations (
    id uuid primary key,
    since timestamptz not null,
    started_at timestamptz not null,
    lease_until timestamptz not null,
    ended_at timestamptz,
    report jsonb
);
create unique index reconciliations_running on reconciliations ((true)) where ended_at is null;
create index reconciliations_started on reconciliations (started_at desc);
alter table reconciliations enable row level security;
