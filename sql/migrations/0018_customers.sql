-- What travellers tell about themselves, and the points that they earn.
create table addresses (
    id uuid primary key,
    customer_id uuid not null references customers on delete cascade,
    kind text not null check (kind in ('home', 'work', 'billing', 'other')),
    name text not null,
    line1 text not null,
    line2 text,
    city text not null,
    region text,
    postcode text,
    country text not null check (country ~ '^[A-Z]{2}$'),
    phone text,
    is_default boolean not null default false,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index addresses_customer on addresses (customer_id);
create unique index addresses_default on addresses (customer_id) where is_default;

create table preferences (
    customer_id uuid primary key references customers on delete cascade,
    language text,
    currency text,
    cabin text,
    home_airport text,
    seat text,
    meal text,
    newsletter boolean not null default false,
    marketing_sms boolean not null default false,
    -- The edge takes 4 kB of JSON; what PostgreSQL makes of it is larger, and this is only the last fence.
    extra jsonb not null default '{}' check (jsonb_typeof(extra) = 'object' and pg_column_size(extra) <= 131072),
    updated_at timestamptz not null
);

-- About one point per euro. A currency that is not here earns nothing.
create table loyalty_rates (
    currency text primary key check (currency ~ '^[A-Z]{3}$'),
    minor_per_point bigint not null check (minor_per_point > 0)
);
insert into loyalty_rates (currency, minor_per_point) values
    ('EUR', 100), ('USD', 110), ('GBP', 85), ('CHF', 95), ('SEK', 1100), ('NOK', 1150), ('DKK', 750), ('PLN', 430),
    ('CZK', 2500), ('HUF', 40000), ('RON', 500), ('AED', 400), ('ILS', 400), ('JPY', 160), ('CNY', 780), ('INR', 9000),
    ('SGD', 145), ('THB', 3800), ('AUD', 165), ('NZD', 180), ('CAD', 150), ('MXN', 2000), ('BRL', 600), ('ZAR', 2000),
    ('KWD', 340);

-- The rate of its first entry holds for a payment, so that what is refunded returns what was earned.
create table loyalty_entries (
    id bigint generated always as identity primary key,
    customer_id uuid not null references customers on delete cascade,
    booking_id uuid not null references bookings,
    payment_id uuid not null references payments,
    points bigint not null check (points <> 0),
    minor_per_point bigint not null check (minor_per_point > 0),
    reason text not null check (reason in ('earned', 'returned')),
    at timestamptz not null
);
create index loyalty_entries_customer on loyalty_entries (customer_id, id);
create index loyalty_entries_payment on loyalty_entries (payment_id);

create table customer_stats (
    customer_id uuid primary key references customers on delete cascade,
    points bigint not null default 0,
    bookings_paid bigint not null default 0,
    bookings_refunded bigint not null default 0,
    last_paid_at timestamptz
);

create table customer_spend (
    customer_id uuid not null references customers on delete cascade,
    currency text not null,
    paid bigint not null default 0,
    refunded bigint not null default 0,
    primary key (customer_id, currency)
);

-- Runs as whoever changes the payment, which only the hub can. Every number moves by what this change adds to it:
-- the same sums written twice add nothing. A booking has one payment with money in it at most (payments_live).
create function keep_loyalty() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
    as $$
declare
    was_captured constant bigint := coalesce(old.captured, 0);
    was_refunded constant bigint := coalesce(old.refunded, 0);
    held bigint;
    rate bigint;
    gained bigint;
begin
    select coalesce(sum(points), 0), min(minor_per_point) into held, rate
        from loyalty_entries where payment_id = new.id;
    if rate is null then
        select minor_per_point into rate from loyalty_rates where currency = new.currency;
    end if;
    gained := coalesce((new.captured - new.refunded) / rate, 0) - held;
    if gained <> 0 then
        insert into loyalty_entries (customer_id, booking_id, payment_id, points, minor_per_point, reason, at)
        values (
            new.customer_id, new.booking_id, new.id, gained, rate,
            case when gained > 0 then 'earned' else 'returned' end, new.updated_at
        );
    end if;
    insert into customer_stats as s (customer_id, points, bookings_paid, bookings_refunded, last_paid_at)
    values (
        new.customer_id,
        gained,
        (new.captured > 0)::int - (was_captured > 0)::int,
        (new.captured > 0 and new.refunded = new.captured)::int
            - (was_captured > 0 and was_refunded = was_captured)::int,
        case when new.captured > was_captured then new.updated_at end
    )
    on conflict (customer_id) do update set
        points = s.points + excluded.points,
        bookings_paid = s.bookings_paid + excluded.bookings_paid,
        bookings_refunded = s.bookings_refunded + excluded.bookings_refunded,
        last_paid_at = greatest(s.last_paid_at, excluded.last_paid_at);
    insert into customer_spend as s (customer_id, currency, paid, refunded)
    values (new.customer_id, new.currency, new.captured - was_captured, new.refunded - was_refunded)
    on conflict (customer_id, currency) do update set
        paid = s.paid + excluded.paid,
        refunded = s.refunded + excluded.refunded;
    return null;
end
$$;
revoke all on function keep_loyalty() from public;

create trigger payments_loyalty_insert after insert on payments
    for each row when (new.captured <> 0 or new.refunded <> 0)
    execute function keep_loyalty();
create trigger payments_loyalty_update after update of captured, refunded on payments
    for each row when (old.captured <> new.captured or old.refunded <> new.refunded)
    execute function keep_loyalty();

-- Payments from before.
insert into loyalty_entries (customer_id, booking_id, payment_id, points, minor_per_point, reason, at)
select p.customer_id, p.booking_id, p.id, (p.captured - p.refunded) / r.minor_per_point, r.minor_per_point,
    'earned', p.updated_at
from payments p join loyalty_rates r using (currency)
where (p.captured - p.refunded) / r.minor_per_point <> 0
order by p.updated_at, p.id;

insert into customer_stats (customer_id, points, bookings_paid, bookings_refunded, last_paid_at)
select p.customer_id,
    (select coalesce(sum(points), 0) from loyalty_entries e where e.customer_id = p.customer_id),
    count(*), count(*) filter (where p.refunded = p.captured), max(p.updated_at)
from payments p where p.captured > 0
group by p.customer_id;

insert into customer_spend (customer_id, currency, paid, refunded)
select customer_id, currency, sum(captured), sum(refunded) from payments where captured > 0
group by customer_id, currency;

alter table addresses enable row level security;
alter table preferences enable row level security;
alter table loyalty_rates enable row level security;
alter table loyalty_entries enable row level security;
alter table customer_stats enable row level security;
alter table customer_spend enable row level security;
grant select on addresses, preferences, loyalty_entries, customer_stats, customer_spend to authenticated;
create policy own_addresses on addresses for select to authenticated using (customer_id = auth.uid());
create policy own_preferences on preferences for select to authenticated using (customer_id = auth.uid());
create policy own_loyalty_entries on loyalty_entries for select to authenticated using (customer_id = auth.uid());
create policy own_customer_stats on customer_stats for select to authenticated using (customer_id = auth.uid());
create policy own_customer_spend on customer_spend for select to authenticated using (customer_id = auth.uid());
