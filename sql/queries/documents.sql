-- name: hold_customer
-- The customer before the booking, the booking before the payment: everybody locks in this order.
select c.id, p.booking_id from payments p join customers c on c.id = p.customer_id where p.id = $1 for key share of c;

-- name: lock_payment
select p.*, coalesce((
    select min(t.at) from transactions t where t.payment_id = p.id and t.kind = 'capture'), p.updated_at) as paid_at,
    p.refunded - coalesce((
        select sum(r.amount) from refunds r
        where r.payment_id = p.id and r.status = 'pending' and r.provider_refund_id is not null), 0)::bigint as returned
from payments p where p.id = $1 for update of p;

-- name: billing_address
select name, line1, line2, city, region, postcode, country from addresses where customer_id = $1
order by kind = 'billing' desc, is_default desc, id desc limit 1;

-- name: invoice_of
select * from invoices where payment_id = $1 and kind = 'invoice';

-- name: credited
-- What the credit notes of a payment add up to, and what of that has been taken back.
select coalesce(max(refunded) filter (where kind = 'credit_note'), 0)::bigint as credited,
       coalesce(max(refunded) filter (where kind = 'reversal'), 0)::bigint as reversed,
       coalesce(array_agg(number order by issued_at, number) filter (where kind = 'credit_note'), '{}') as notes
from invoices where payment_id = $1;

-- name: next_number
-- Holds the series until the transaction ends. The day never goes back within a series.
insert into invoice_series as s (year, kind, sandbox, last, last_on)
values (extract(year from $3::date)::smallint, $1, $2, 1, $3)
on conflict (year, kind, sandbox) do update set last = s.last + 1, last_on = greatest(s.last_on, excluded.last_on)
returning year, last, last_on;

-- name: insert_invoice
insert into invoices (
    id, number, kind, sandbox, customer_id, booking_id, payment_id, invoice_id, refunded, amount, currency, document,
    buyer, issued_on, issued_at, keep_until
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
returning *;

-- name: overdue
-- Money that has moved since $1 without its paper: an invoice is missing, a credit note, or what takes one back.
-- What is on its way to the traveller has not arrived. A capture below the amount has no invoice until it is whole, or
-- given back.
select id, returned, credited from (
    select p.id, p.updated_at, p.captured >= p.amount as is_covered,
        p.refunded - coalesce((
            select sum(r.amount) from refunds r
            where r.payment_id = p.id and r.status = 'pending' and r.provider_refund_id is not null), 0)::bigint as returned,
        coalesce((
            select sum(case i.kind when 'credit_note' then i.amount else -i.amount end) from invoices i
            where i.payment_id = p.id and i.kind <> 'invoice'), 0)::bigint as credited,
        exists (select 1 from invoices i where i.payment_id = p.id) as invoiced
    from payments p where p.captured > 0 and p.updated_at > $1
) as moved
where ((is_covered and not invoiced) or returned <> credited)
  and not exists (
    select from pgqueuer j
    where j.headers ->> 'key' = 'payment:' || moved.id
            || case when returned <> credited then ':credit:' || returned else ':invoice' end
        and (j.status in ('queued', 'picked') or j.updated > clock_timestamp() - interval '5 minutes'))
order by updated_at limit 100;

-- name: forget_buyers
-- Of who has been erased, once the law does not ask for them any more.
update invoices i set buyer = null from customers c
where c.id = i.customer_id and c.erased_at is not null and i.buyer is not null and i.keep_until < current_date;

-- name: page
-- For a traveller: row-level security leaves only their own. So in all queries below.
select *, count(*) over () as total from invoices order by issued_at desc, number desc limit $1 offset $2;

-- name: count
select count(*) from invoices;

-- name: by_number
select * from invoices where number = $1;

-- name: of_booking
select * from invoices where booking_id = $1 order by issued_at, number;

-- name: payments_of_booking
select p.*, coalesce((
    select min(t.at) from transactions t where t.payment_id = p.id and t.kind = 'capture'), p.updated_at) as paid_at
from payments p where p.booking_id = $1 and p.captured > 0 order by p.created_at, p.id;
