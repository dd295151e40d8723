-- name: customers
-- By part of the address or the name, by the whole id, or by the reference of a booking. $2 is $1 as a pattern.
select c.id, c.email, c.name, c.phone, c.created_at, c.verified_at, c.erased_at,
    (select count(*) from bookings b where b.customer_id = c.id) as bookings
from customers c
where $1 = '' or c.email ilike $2 or c.name ilike $2 or c.id::text = lower($1)
    or c.id in (select b.customer_id from bookings b where b.reference = upper($1))
order by c.created_at desc, c.id limit $3 offset $4;

-- name: count_customers
select count(*) from customers c
where $1 = '' or c.email ilike $2 or c.name ilike $2 or c.id::text = lower($1)
    or c.id in (select b.customer_id from bookings b where b.reference = upper($1));

-- name: customer
select c.id, c.email, c.name, c.phone, c.created_at, c.verified_at, c.erased_at,
    (select count(*) from bookings b where b.customer_id = c.id) as bookings,
    (select count(*) from sessions s where s.customer_id = c.id and s.ended_at is null and s.expires_at > $2) as sessions,
    exists (select from second_factors f where f.customer_id = c.id and f.confirmed_at is not null) as second_factor
from customers c where c.id = $1;

-- name: bookings_by_status
select status, count(*) as bookings from bookings where customer_id = $1 group by status order by status;

-- name: spend
-- What has been captured and given back, by currency.
select currency, sum(captured)::bigint as paid, sum(refunded)::bigint as refunded
from payments where customer_id = $1 and captured > 0 group by currency order by currency;

-- name: end_sessions
select id from end_sessions($1, $2, 'ended_by_staff', null) as id;

-- name: acts
select id, at, actor, action, customer_id, booking_id, request_id, ip, user_agent, data from audit_logs
where ($1::uuid is null or customer_id = $1) and ($2::uuid is null or booking_id = $2)
    and ($3 = '' or actor = $3) and ($4 = '' or action = $4 or starts_with(action, $4 || '.'))
order by id desc limit $5 offset $6;

-- name: count_acts
select count(*) from audit_logs
where ($1::uuid is null or customer_id = $1) and ($2::uuid is null or booking_id = $2)
    and ($3 = '' or actor = $3) and ($4 = '' or action = $4 or starts_with(action, $4 || '.'));

-- name: forget_second_factor
delete from second_factors where customer_id = $1 returning customer_id;

-- name: forget_recovery_codes
delete from recovery_codes where customer_id = $1;

-- name: bookings
-- $2 is $1 as a pattern.
select b.id, b.reference, b.customer_id, b.status, b.payment_status, b.amount, b.currency, b.supplier,
    b.supplier_reference, b.contact_email, b.failure, b.sandbox, b.created_at, b.updated_at,
    b.itinerary #>> '{slices,0,origin}' as origin, b.itinerary #>> '{slices,0,destination}' as destination,
    b.itinerary #>> '{slices,0,departs_at}' as departs_at,
    (select count(*) from booking_travelers t where t.booking_id = b.id) as travelers,
    (select count(*) from attention a where a.booking_id = b.id and a.resolved_at is null) as open_reviews
from bookings b
where ($1 = '' or b.reference = upper($1) or b.supplier_reference = upper($1) or b.id::text = lower($1)
        or exists (select from supplier_orders o where o.booking_id = b.id and o.order_id = $1)
        or b.airline_references @> jsonb_build_array(jsonb_build_object('reference', upper($1)))
        or b.contact_email ilike $2
        or exists (select from booking_travelers t
            where t.booking_id = b.id and t.given_name || ' ' || t.family_name ilike $2))
    and ($3::text is null or b.status = $3) and ($4::text is null or b.payment_status = $4)
    and ($5::uuid is null or b.customer_id = $5) and ($6::text is null or b.supplier = $6)
    and ($7::timestamptz is null or b.created_at >= $7) and ($8::timestamptz is null or b.created_at < $8)
    and ($9::boolean is null or $9 = exists (
        select from attention a where a.booking_id = b.id and a.resolved_at is null))
order by b.created_at desc, b.id desc limit $10 offset $11;

-- name: count_bookings
select count(*) from bookings b
where ($1 = '' or b.reference = upper($1) or b.supplier_reference = upper($1) or b.id::text = lower($1)
        or exists (select from supplier_orders o where o.booking_id = b.id and o.order_id = $1)
        or b.airline_references @> jsonb_build_array(jsonb_build_object('reference', upper($1)))
        or b.contact_email ilike $2
        or exists (select from booking_travelers t
            where t.booking_id = b.id and t.given_name || ' ' || t.family_name ilike $2))
    and ($3::text is null or b.status = $3) and ($4::text is null or b.payment_status = $4)
    and ($5::uuid is null or b.customer_id = $5) and ($6::text is null or b.supplier = $6)
    and ($7::timestamptz is null or b.created_at >= $7) and ($8::timestamptz is null or b.created_at < $8)
    and ($9::boolean is null or $9 = exists (
        select from attention a where a.booking_id = b.id and a.resolved_at is null));

-- name: payments_of_booking
select * from payments where booking_id = $1 order by created_at, id;

-- name: refunds_of_booking
select r.* from refunds r join payments p on p.id = r.payment_id where p.booking_id = $1 order by r.created_at, r.id;

-- name: open_reviews_of_booking
select * from attention where booking_id = $1 and resolved_at is null order by since, id;
