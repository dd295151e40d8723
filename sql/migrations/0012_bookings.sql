-- What travellers have booked, and what was ordered for it from a supplier.
create table bookings (
    id uuid primary key,
    reference text not null unique,
    customer_id uuid not null references customers,
    status text not null default 'pending' check (status in (
        'pending', 'ordering', 'order_unknown', 'ordered', 'confirmed', 'failed', 'cancelled', 'expired'
    )),
    failure text,
    payment_status text not null default 'unpaid',
    amount bigint not null check (amount > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    offer_id text not null,
    supplier text not null,
    itinerary jsonb not null,
    sandbox boolean not null,
    contact_email text not null,
    contact_phone text,
    notes text,
    supplier_reference text,
    idempotency_key text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    expires_at timestamptz not null,
    confirmed_at timestamptz,
    unique (customer_id, idempotency_key)
);
create index bookings_customer on bookings (customer_id, created_at desc);
create index bookings_unpaid on bookings (expires_at) where status = 'pending';
create index bookings_open on bookings (updated_at) where status in ('pending', 'ordering', 'order_unknown', 'ordered');

create table booking_travelers (
    booking_id uuid not null references bookings on delete cascade,
    position smallint not null,
    title text not null,
    gender text not null,
    given_name text not null,
    family_name text not null,
    born_on date not null,
    nationality text not null,
    email text,
    phone text,
    document_number text,
    document_expires_on date,
    primary key (booking_id, position)
);

-- The supplier's side. `offer` and `secret` hold the supplier's tokens: no traveller's role can read this table.
create table supplier_orders (
    booking_id uuid primary key references bookings on delete cascade,
    supplier text not null,
    state text not null default 'none' check (state in (
        'none', 'placing', 'placed', 'confirming', 'confirmed', 'refused', 'unknown'
    )),
    offer jsonb not null,
    query jsonb not null,
    order_id text,
    placed jsonb,
    lease_until timestamptz,
    unknown_since timestamptz,
    updated_at timestamptz not null
);
create unique index supplier_orders_order on supplier_orders (supplier, order_id) where order_id is not null;

alter table bookings enable row level security;
alter table booking_travelers enable row level security;
alter table supplier_orders enable row level security;
grant select on bookings, booking_travelers to authenticated;
create policy own_bookings on bookings for select to authenticated using (customer_id = auth.uid());
create policy own_travelers on booking_travelers for select to authenticated
    using (exists (select 1 from bookings b where b.id = booking_id and b.customer_id = auth.uid()));
