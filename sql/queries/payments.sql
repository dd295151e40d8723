-- name: insert_payment
-- One live payment per booking: a second request finds the first.
insert into payments (id, booking_id, customer_id, provider, amount, currency, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $7)
on conflict (booking_id) where status not in ('failed', 'released') do nothing;

-- name: live_of_booking
select * from payments where booking_id = $1 and status not in ('failed', 'released');

-- name: of_booking
select * from payments where booking_id = $1 order by created_at, id;

-- name: lock
select * from payments where id = $1 for update;

-- name: of_intent
-- By the intent, else by the payment named in its metadata: a webhook may be faster than our own answer.
select id from payments where intent_id = $1 or (intent_id is null and id = $2);

-- name: booking_of_intent
select booking_id from payments where intent_id = $1;

-- name: booking_of
select booking_id from payments where id = $1;

-- name: set_intent
update payments set intent_id = coalesce(intent_id, $2), updated_at = $3 where id = $1;

-- name: settle
update payments set status = $2, captured = $3, refunded = $4, failure = $5, updated_at = $6 where id = $1;

-- name: touch
update payments set updated_at = $2 where id = $1;

-- name: take_open
-- What may have moved without our hearing of it. Touched first, so that one bad row cannot hold up the others.
update payments set updated_at = $1
where id in (
    select id from payments
    where status in ('unpaid', 'requires_action', 'processing', 'unknown', 'authorised')
      and intent_id is not null and updated_at <= $2
    order by updated_at limit 50
)
returning id, booking_id, intent_id;

-- name: insert_refund
insert into refunds (id, payment_id, amount, currency, reason, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $6);

-- name: refunds_of
select * from refunds where payment_id = $1 order by created_at, id;

-- name: set_refund
update refunds set status = $2, provider_refund_id = coalesce(provider_refund_id, $3), updated_at = $4 where id = $1;
