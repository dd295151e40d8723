-- What was sold and given back, on paper: numbered without a gap, and never changed once it is issued.

-- The last number given. Its row is the lock: a number is taken by the transaction that issues with it, or not at all.
create table invoice_series (
    year smallint not null,
    kind text not null check (kind in ('invoice', 'credit_note')),
    sandbox boolean not null,
    last integer not null check (last > 0),
    last_on date not null,
    primary key (year, kind, sandbox)
);

-- `document` is all that the paper says but for the buyer, who may have to go before it does. `refunded` is the sum of
-- all refunds of the payment up to and with this credit note, in minor units; `amount` is what the paper is about.
create table invoices (
    id uuid primary key,
    number text not null unique,
    kind text not null check (kind in ('invoice', 'credit_note')),
    sandbox boolean not null,
    customer_id uuid not null references customers,
    booking_id uuid not null references bookings,
    payment_id uuid not null references payments,
    invoice_id uuid references invoices,
    refunded bigint,
    amount bigint not null check (amount > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    document jsonb not null,
    buyer jsonb,
    issued_on date not null,
    issued_at timestamptz not null,
    keep_until date not null,
    check ((kind = 'invoice') = (invoice_id is null)),
    check ((kind = 'invoice') = (refunded is null)),
    check (amount <= refunded)
);
create unique index invoices_payment on invoices (payment_id) where kind = 'invoice';
create unique index invoices_refund on invoices (payment_id, refunded) where kind = 'credit_note';
create index invoices_customer on invoices (customer_id, issued_at desc);
create index invoices_booking on invoices (booking_id);
create index payments_taken on payments (updated_at) where captured > 0;

-- The one change there is: the buyer goes, from test data at any time, else when the law does not ask any more.
create function keep_invoice() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
    as $$
begin
    if tg_op = 'UPDATE' and (old.sandbox or old.keep_until < current_date)
        and new.buyer is null and to_jsonb(new) - 'buyer' = to_jsonb(old) - 'buyer' then
        return new;
    end if;
    raise exception 'invoice % has been issued', old.number using errcode = 'restrict_violation';
end
$$;
revoke all on function keep_invoice() from public;
create trigger invoices_stay before update or delete on invoices for each row execute function keep_invoice();

alter table invoice_series enable row level security;
alter table invoices enable row level security;
grant select on invoices to authenticated;
create policy own_invoices on invoices for select to authenticated using (customer_id = auth.uid());
