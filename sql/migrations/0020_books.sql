-- Double entry: every movement of money, with what it adds to and takes from each account of its booking.
create table transactions (
    id uuid primary key,
    payment_id uuid not null references payments,
    booking_id uuid not null references bookings,
    customer_id uuid not null references customers,
    kind text not null check (kind in (
        'authorise', 'release', 'capture', 'refund', 'refund_failed', 'dispute', 'dispute_won', 'dispute_lost', 'fee',
        'write_off'
    )),
    amount bigint not null check (amount > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    provider text not null,
    provider_id text,
    actor text not null,
    at timestamptz not null
);
create index transactions_payment on transactions (payment_id, at);
create index transactions_booking on transactions (booking_id, at);
create index transactions_customer on transactions (customer_id, at);
create index transactions_at on transactions (at desc, id desc);

-- `traveller` is the other side of everything, `provider` that of its fees. In minor units; plus is money that is there.
create table postings (
    transaction_id uuid not null references transactions on delete cascade,
    account text not null check (account in (
        'traveller', 'held', 'taken', 'disputed', 'fees', 'provider', 'written_off'
    )),
    amount bigint not null check (amount <> 0),
    primary key (transaction_id, account)
);

create function check_postings() returns trigger language plpgsql set search_path = pg_catalog, public as $body$
declare
    total bigint;
begin
    select coalesce(sum(amount), 0) into total from public.postings where transaction_id = new.transaction_id;
    if total <> 0 then
        raise exception 'transaction % does not balance: %', new.transaction_id, total using errcode = 'check_violation';
    end if;
    return null;
end
$body$;
create constraint trigger postings_balance after insert or update on postings
    deferrable initially deferred for each row execute function check_postings();

-- Who moved a payment from where to where, and on whose word.
create table transaction_audit_logs (
    id bigint generated always as identity primary key,
    payment_id uuid not null references payments,
    at timestamptz not null,
    actor text not null,
    request_id text,
    was text not null,
    became text not null,
    captured bigint not null,
    refunded bigint not null,
    disputed bigint not null,
    failure text
);
create index transaction_audit_logs_payment on transaction_audit_logs (payment_id, id);

alter table payments
    add column disputed bigint not null default 0 check (disputed >= 0),
    add column fee bigint,
    add column fee_currency text,
    add column superseded_at timestamptz;
drop index payments_live;
-- A payment at a price that no longer holds makes room for another, and is given back.
create unique index payments_live on payments (booking_id)
    where status not in ('failed', 'released') and superseded_at is null;

alter table refunds
    add column requested_by text not null default 'system',
    add column failure text;

create table disputes (
    id uuid primary key,
    payment_id uuid not null references payments,
    provider_dispute_id text not null unique,
    amount bigint not null check (amount >= 0),
    currency text not null,
    reason text,
    status text not null check (status in ('open', 'won', 'lost')),
    due_by timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index disputes_payment on disputes (payment_id);

-- What only a person can decide. One open line for each matter.
create table attention (
    id uuid primary key,
    kind text not null,
    booking_id uuid references bookings,
    payment_id uuid references payments,
    detail jsonb not null default '{}',
    since timestamptz not null,
    resolved_at timestamptz,
    resolved_by text,
    note text
);
create unique index attention_open on attention (kind, coalesce(booking_id, payment_id)) where resolved_at is null;

-- What the reconciliation found to differ, and what it proposes.
create table breaks (
    id uuid primary key,
    kind text not null,
    subject text not null,
    booking_id uuid references bookings,
    payment_id uuid references payments,
    ours jsonb not null,
    theirs jsonb not null,
    proposal text not null,
    found_at timestamptz not null,
    seen_at timestamptz not null,
    closed_at timestamptz,
    closed_because text
);
create unique index breaks_open on breaks (kind, subject) where closed_at is null;

alter table transactions enable row level security;
alter table postings enable row level security;
alter table transaction_audit_logs enable row level security;
alter table disputes enable row level security;
alter table attention enable row level security;
alter table breaks enable row level security;
grant select on transactions to authenticated;
create policy own_transactions on transactions for select to authenticated using (customer_id = auth.uid());

-- A changed price waits for the traveller's consent.
alter table bookings drop constraint bookings_status_check;
alter table bookings add constraint bookings_status_check check (status in (
    'pending', 'ordering', 'order_unknown', 'ordered', 'confirmed', 'failed', 'cancelled', 'expired', 'awaiting_consent'
));
alter table bookings add column new_amount bigint check (new_amount > 0);

-- Payments from before there were books are entered as what they had become.
insert into transactions (id, payment_id, booking_id, customer_id, kind, amount, currency, provider, provider_id, actor, at)
select gen_random_uuid(), p.id, p.booking_id, p.customer_id, k.kind,
       case k.kind when 'refund' then p.refunded when 'capture' then p.captured else p.amount end,
       p.currency, p.provider, p.intent_id, 'system', p.updated_at
from payments p
cross join (values ('authorise'), ('capture'), ('refund')) as k (kind)
where (k.kind = 'authorise' and (p.status = 'authorised' or p.captured > 0))
   or (k.kind = 'capture' and p.captured > 0)
   or (k.kind = 'refund' and p.refunded > 0);
insert into postings (transaction_id, account, amount)
select t.id, a.account, a.sign * t.amount
from transactions t
cross join (values
    ('authorise', 'traveller', -1), ('authorise', 'held', 1), ('capture', 'held', -1), ('capture', 'taken', 1),
    ('refund', 'taken', -1), ('refund', 'traveller', 1)
) as a (kind, account, sign)
where a.kind = t.kind;
