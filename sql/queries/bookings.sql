-- name: insert_booking
insert into bookings (
    id, reference, customer_id, amount, currency, offer_id, supplier, itinerary, sandbox,
    contact_email, contact_phone, idempotency_key, created_at, updated_at, expires_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)
on conflict do nothing
returning *;

-- name: find_by_idempotency_key
select * from bookings where customer_id = $1 and idempotency_key = $2;

-- name: lock_customer
-- One new booking at a time. Rows that only refer to the customer do not wait for it.
select id from customers where id = $1 for no key update;

-- name: find_duplicate
-- The first booking that still stands with one of these travelers on one of these flights.
with flights as (
    select * from unnest($2::text[], $3::text[], $4::text[]) as f (carrier, flight_number, departs_on)
), people as (
    select * from unnest($5::text[], $6::text[], $7::date[]) as p (given_name, family_name, born_on)
)
select b.id, b.reference from bookings b
where b.customer_id = $1
    and b.status not in ('failed', 'cancelled', 'expired')
    and not (b.status = 'pending' and b.expires_at <= $8
        and b.payment_status in ('unpaid', 'requires_action', 'failed', 'released'))
    and exists (
        select from booking_travelers t join people p
            on lower(t.given_name) = lower(p.given_name) and lower(t.family_name) = lower(p.family_name)
            and t.born_on = p.born_on
        where t.booking_id = b.id
    )
    and exists (
        select from jsonb_path_query(b.itinerary, '$.slices[*].segments[*]') as s join flights f
            on s ->> 'carrier' = f.carrier and ltrim(s ->> 'flight_number', '0') = f.flight_number
            and left(s ->> 'departs_at', 10) = f.departs_on
    )
order by b.created_at limit 1;

-- name: insert_traveler
insert into booking_travelers (
    booking_id, position, title, gender, given_name, family_name, born_on, nationality, email, phone, document
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: insert_order
insert into supplier_orders (booking_id, supplier, offer, query, requirements, updated_at)
values ($1, $2, $3, $4, $5, $6);

-- name: requirements
-- What the supplier asked for when the booking was made; null for bookings of before it was stored.
select requirements from supplier_orders where booking_id = $1;

-- name: find
select * from bookings where id = $1;

-- name: lock
select * from bookings where id = $1 for update;

-- name: page
-- For a traveller: row-level security leaves only their own.
select *, count(*) over () as total from bookings
where ($1::text is null or status = $1)
order by created_at desc, id desc
limit $2 offset $3;

-- name: count
select count(*) from bookings where ($1::text is null or status = $1);

-- name: travelers
select title, gender, given_name, family_name, born_on, nationality, email, phone
from booking_travelers where booking_id = $1 order by position;

-- name: documents
-- Sealed; in the clear only what an earlier version has stored and nobody has sealed yet.
select booking_id, position, document, document_number, document_expires_on
from booking_travelers
where booking_id = $1 and (document is not null or document_number is not null or document_expires_on is not null);

-- name: unsealed_documents
select booking_id, position, document_number, document_expires_on from booking_travelers
where document_number is not null or document_expires_on is not null
limit $1;

-- name: seal_document
update booking_travelers set document = $3, document_number = null, document_expires_on = null
where booking_id = $1 and position = $2 and (document_number is not null or document_expires_on is not null);

-- name: patch
update bookings set
    contact_email = coalesce($2, contact_email),
    contact_phone = coalesce($3, contact_phone),
    notes = coalesce($4, notes),
    updated_at = $5
where id = $1 and status in ('pending', 'ordering', 'order_unknown', 'ordered', 'confirmed')
returning *;

-- name: move
-- The only way a status changes: from one of the states that allow it.
update bookings set
    status = $2,
    failure = coalesce($4, failure),
    confirmed_at = case when $2 = 'confirmed' then $5 else confirmed_at end,
    updated_at = $5
where id = $1 and status = any ($3::text[])
returning *;

-- name: set_payment_status
-- Once the money is held or taken, an earlier decline is of no interest to the booking any more.
update bookings set payment_status = $2, updated_at = $3,
    last_failure = case when $2 in ('authorised', 'paid') then null else last_failure end
where id = $1;

-- name: set_last_failure
update bookings set last_failure = $2, updated_at = $3 where id = $1;

-- name: set_supplier_reference
update bookings set supplier_reference = $2, updated_at = $3
where id = $1 and supplier_reference is distinct from $2;

-- name: set_schedule_changed
update bookings set schedule_changed_at = $2, updated_at = $2 where id = $1;

-- name: set_airline_references
-- Nothing comes back when they are on record already.
update bookings set airline_references = $2, updated_at = $3 where id = $1 and airline_references <> $2
returning customer_id, status;

-- name: without_airline_references
-- Ordered, and no ticket told yet: those whose age has passed 1, 2, 4, 8, ... minutes within the last $2 seconds.
select b.id as booking_id, b.supplier, o.placed
from bookings b
join supplier_orders o on o.booking_id = b.id
cross join lateral (select extract(epoch from $1::timestamptz - b.confirmed_at)::float8 / 60 as minutes) age
where b.status = 'confirmed' and b.airline_references = '[]'
    and b.confirmed_at between $1::timestamptz - interval '3 days' and $1::timestamptz - interval '1 minute'
    and o.placed is not null
    and exists (
        select from unnest($3::text[], $4::text[]) as s (supplier, account)
        where s.supplier = o.supplier and (o.account is null or o.account = s.account))
    and floor(log(2, age.minutes::numeric)) > floor(log(2, greatest(age.minutes - $2::float8 / 60, 0.5)::numeric))
order by b.confirmed_at limit 100;

-- name: set_baggage
update bookings set baggage = $2 where id = $1;

-- name: set_refusal
update bookings set refusal = $2 where id = $1;

-- name: set_new_price
update bookings set new_amount = $2, expires_at = $3, updated_at = $4 where id = $1;

-- name: agree
update bookings set
    status = 'pending', payment_status = 'unpaid', amount = new_amount, new_amount = null, expires_at = $2, updated_at = $3
where id = $1 and status = 'awaiting_consent' and new_amount is not null
returning *;

-- name: due_to_expire
-- Not while its payment cannot be looked up, for two hours at most: nobody knows then that it was not paid in time.
select id from bookings
where expires_at <= $1 and (
    (status = 'pending' and payment_status not in ('processing', 'unknown', 'authorised', 'paid'))
    or status = 'awaiting_consent')
  and not exists (
    select from row_failures f where f.sweep = 'bookings.expire' and f.row_id = bookings.id::text and f.retry_at > $1)
  and (expires_at <= $1 - interval '2 hours' or not exists (
    select from row_failures f
    where f.sweep = 'payments.settle' and f.booking_id = bookings.id and f.transient
      and f.last_failed_at > $1 - interval '1 hour'))
order by expires_at limit 100;

-- name: order_of
select * from supplier_orders where booking_id = $1;

-- name: order_by_number
-- In the account that the supplier is asked in now; one without an account is from before it was kept.
select booking_id, placed from supplier_orders
where supplier = $1 and order_id = $2 and (account is null or account = $3)
order by account is null limit 1;

-- name: lease_order
-- Takes the order into work, unless somebody has it: a lease outlives the longest exchange with a supplier.
update supplier_orders set lease_until = $2, updated_at = $3
where booking_id = $1 and (lease_until is null or lease_until <= $3)
returning *;

-- name: set_order
update supplier_orders set
    state = $2,
    order_id = coalesce($3, order_id),
    placed = coalesce($4, placed),
    account = coalesce($7, account),
    unknown_since = case when $2 = 'unknown' then coalesce(unknown_since, $5) else unknown_since end,
    updated_at = $5
where booking_id = $1 and (cardinality($6::text[]) = 0 or state = any ($6))
returning booking_id;

-- name: renew_lease
-- Null gives it back.
update supplier_orders set lease_until = $2 where booking_id = $1;

-- name: stranded
-- Paid for and not finished: a job was lost, a process died, or a supplier left us in the dark. Ordered and captured
-- below the amount is for people. Those that have a job, or one that was held a moment ago, are left out: they would
-- take the place of others. An order that is with people is looked up every 15 minutes.
select b.id from bookings b join supplier_orders o on o.booking_id = b.id
where (b.status in ('ordering', 'order_unknown', 'ordered')
       or (b.status = 'pending' and b.payment_status in ('authorised', 'paid')))
  and (o.lease_until is null or o.lease_until <= $1)
  and b.updated_at <= $2
  and not (o.updated_at > $1::timestamptz - interval '15 minutes' and exists (
    select from attention a where a.booking_id = b.id and a.kind = 'order_unknown' and a.resolved_at is null))
  and not (b.status = 'ordered' and exists (
    select 1 from payments p
    where p.booking_id = b.id and p.superseded_at is null and p.captured > 0 and p.captured < p.amount
  ))
  and not exists (
    select from pgqueuer j where j.headers ->> 'key' = 'booking:' || b.id || ':fulfil'
        and (j.status in ('queued', 'picked') or j.updated > clock_timestamp() - interval '5 minutes'))
order by b.updated_at limit 100;
