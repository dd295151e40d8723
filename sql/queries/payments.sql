-- name: insert_payment
-- One live payment per booking: a second request finds the first.
insert into payments (id, booking_id, customer_id, provider, amount, currency, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $7)
on conflict (booking_id) where status not in ('failed', 'released') and superseded_at is null do nothing;

-- name: live_of_booking
select * from payments where booking_id = $1 and status not in ('failed', 'released') and superseded_at is null;

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
update payments set status = $2, captured = $3, refunded = $4, failure = $5, updated_at = $6, disputed = $7
where id = $1;

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
returning *;

-- name: insert_refund
insert into refunds (id, payment_id, amount, currency, reason, created_at, updated_at, requested_by)
values ($1, $2, $3, $4, $5, $6, $6, $7);

-- name: refunds_of
select * from refunds where payment_id = $1 order by created_at, id;

-- name: set_refund
update refunds set status = $2, provider_refund_id = coalesce(provider_refund_id, $3), updated_at = $4 where id = $1;

-- name: lock_refund
-- Ours by the mark that we gave it, else by the provider's own number.
select * from refunds where payment_id = $1 and (id = $2 or provider_refund_id = $3) order by (id = $2) desc
limit 1 for update;

-- name: insert_refund_elsewhere
insert into refunds (id, payment_id, amount, currency, reason, created_at, updated_at, provider_refund_id, requested_by)
values ($1, $2, $3, $4, $5, $6, $6, $7, 'provider');

-- name: sum_of_refunds
select coalesce(sum(amount), 0)::bigint from refunds
where payment_id = $1 and status <> 'failed' and provider_refund_id is not null;

-- name: sum_of_disputes
select coalesce(sum(amount), 0)::bigint from disputes where payment_id = $1 and status in ('open', 'lost');

-- name: dispute_status
select status from disputes where provider_dispute_id = $1 for update;

-- name: insert_dispute
insert into disputes (
    id, payment_id, provider_dispute_id, amount, currency, reason, status, due_by, created_at, updated_at
) values ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $8);

-- name: set_dispute
update disputes set status = $2, updated_at = $3 where provider_dispute_id = $1;

-- name: set_fee
update payments set fee = $2, fee_currency = $3 where id = $1;

-- name: supersede
update payments set superseded_at = $2 where booking_id = $1 and superseded_at is null
    and status not in ('failed', 'released')
returning id;

-- name: find_refund
select * from refunds where id = $1;

-- name: pending_refunds
-- Asked for and not yet known to the provider.
select id from refunds where status = 'pending' and provider_refund_id is null and updated_at <= $1
order by created_at limit 100;

-- name: fail_refund
update refunds set status = 'failed', failure = $2, updated_at = $3 where id = $1 and status = 'pending' returning id;
