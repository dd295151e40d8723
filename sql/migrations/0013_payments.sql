-- The money: one live payment per booking, and every refund of it.
create table payments (
    id uuid primary key,
    booking_id uuid not null references bookings,
    customer_id uuid not null references customers,
    provider text not null,
    intent_id text unique,
    status text not null default 'unpaid' check (status in (
        'unpaid', 'requires_action', 'processing', 'unknown', 'authorised', 'paid',
        'partially_refunded', 'refunded', 'released', 'failed'
    )),
    amount bigint not null check (amount > 0),
    currency text not null,
    captured bigint not null default 0,
    refunded bigint not null default 0,
    failure text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check (captured <= amount and refunded <= captured)
);
create unique index payments_live on payments (booking_id) where status not in ('failed', 'released');
create index payments_open on payments (updated_at) where status in (
    'unpaid', 'requires_action', 'processing', 'unknown', 'authorised'
);

create table refunds (
    id uuid primary key,
    payment_id uuid not null references payments,
    amount bigint not null check (amount > 0),
    currency text not null,
    reason text not null,
    status text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
    provider_refund_id text unique,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index refunds_payment on refunds (payment_id);

alter table payments enable row level security;
alter table refunds enable row level security;
grant select on payments, refunds to authenticated;
create policy own_payments on payments for select to authenticated using (customer_id = auth.uid());
create policy own_refunds on refunds for select to authenticated
    using (exists (select 1 from payments p where p.id = payment_id and p.customer_id = auth.uid()));
