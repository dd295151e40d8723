-- name: insert_payment
-- One live payment per booking: a second request finds the first.
insert into payments (id, booking_id, customer_id, provider, amount, currency, created_at, updated_at, page)
values ($1, $2, $3, $4, $5, $6, $7, $7, $8)
on conflict (booking_id) where status not in ('failed', 'released') and superseded_at is null do nothing;

-- name: live_of_booking
select * from payments where booking_id = $1 and status not in ('failed', 'released') and superseded_at is null;

-- name: of_booking
select * from payments where booking_id = $1 order by created_at, id;

-- name: find
select * from payments where id = $1;

-- name: lock_booking_of
select b.id, b.status from bookings b join payments p on p.booking_id = b.id where p.id = $1 for update of b;

-- name: lock
select * from payments where id = $1 for update;

-- name: set_account
update payments set account = $2 where id = $1 and account is distinct from $2 and intent_id is null;

-- name: of_intent
-- By the intent, else by the payment named in its metadata: a webhook may be faster than our own answer.
select id from payments where (intent_id = $1 and provider = $3) or (intent_id is null and id = $2)
order by intent_id nulls last, created_at desc limit 1;

-- name: by_intent
select * from payments where intent_id = $1 and provider = $2 order by created_at desc limit 1;

-- name: booking_of
select booking_id from payments where id = $1;

-- name: set_intent
-- Of a page that nobody has paid there is no intent to tell of.
update payments set intent_id = coalesce(intent_id, nullif($2, '')), updated_at = $3 where id = $1;

-- name: insert_page
insert into payment_pages (payment_id, success_url, cancel_url, created_at) values ($1, $2, $3, $4)
on conflict do nothing;

-- name: page_of
select * from payment_pages where payment_id = $1;

-- name: set_page
update payment_pages set page_id = coalesce(page_id, $2), url = coalesce(url, $3), expires_at = coalesce(expires_at, $4)
where payment_id = $1 returning *;

-- name: settle
update payments set status = $2, captured = $3, refunded = $4, updated_at = $5, disputed = $6 where id = $1;

-- name: set_last_failure
update payments set last_failure = $2, updated_at = $3 where id = $1;

-- name: set_attempt
update payments set attempt = greatest(attempt, $2) where id = $1;

-- name: touch
update payments set updated_at = $2 where id = $1;

-- name: long_open
-- What may have moved without our hearing of it, but for what has just failed: it would take the place of others.
select p.* from payments p
where p.status in ('unpaid', 'requires_action', 'processing', 'unknown', 'authorised')
  and (p.intent_id is not null
       or exists (select 1 from payment_pages g where g.payment_id = p.id and g.page_id is not null))
  and p.updated_at <= $2
  and not exists (
    select from row_failures f where f.sweep = 'payments.settle' and f.row_id = p.id::text and f.retry_at > $1)
order by p.updated_at limit 50;

-- name: insert_refund
insert into refunds (id, payment_id, amount, currency, reason, created_at, updated_at, requested_by)
values ($1, $2, $3, $4, $5, $6, $6, $7);

-- name: same_refund
-- The latest of the same amount since then, whoever asked for it.
select id, created_at from refunds where payment_id = $1 and amount = $2 and created_at > $3 and status <> 'failed'
order by created_at desc, id desc limit 1;

-- name: a_refund_has_failed
select exists (select 1 from refunds where payment_id = $1 and status = 'failed');

-- name: set_refund
update refunds set status = $2, provider_refund_id = coalesce(provider_refund_id, $3), updated_at = $4 where id = $1;

-- name: lock_refund
-- Ours by the mark that we gave it, else by the provider's own number.
select * from refunds where payment_id = $1 and (id = $2 or provider_refund_id = $3) order by (id = $2) desc
limit 1 for update;

-- name: insert_refund_elsewhere
insert into refunds (id, payment_id, amount, currency, reason, created_at, updated_at, provider_refund_id, requested_by)
values ($1, $2, $3, $4, $5, $6, $6, $7, 'provider');

-- name: sums
select (
    select coalesce(sum(amount), 0)::bigint from refunds
    where payment_id = $1 and status <> 'failed' and provider_refund_id is not null
) as refunded, (
    select coalesce(sum(booked), 0)::bigint from disputes where payment_id = $1
) as disputed;

-- name: sum_arrived
select coalesce(sum(amount), 0)::bigint from refunds where payment_id = $1 and status = 'succeeded';

-- name: unfinished_refunds
-- Asked for, and not carried out yet, as far as we know.
select id from refunds where payment_id = $1 and status = 'pending' and provider_refund_id is null order by created_at;

-- name: sum_wanted
-- Gone back, on its way, or only asked for.
select coalesce(sum(amount), 0)::bigint from refunds where payment_id = $1 and status <> 'failed';

-- name: lock_dispute
select status, booked, seen_at from disputes where provider_dispute_id = $1 for update;

-- name: record_dispute
insert into disputes (
    id, payment_id, provider_dispute_id, amount, currency, reason, status, due_by, booked, seen_at, created_at, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
on conflict (provider_dispute_id) do update set
    amount = excluded.amount, currency = excluded.currency, reason = excluded.reason, status = excluded.status,
    due_by = excluded.due_by, booked = excluded.booked, seen_at = excluded.seen_at, updated_at = excluded.updated_at;

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
select r.id from refunds r where r.status = 'pending' and r.provider_refund_id is null and r.updated_at <= $1
  and not exists (
    select from pgqueuer j where j.headers ->> 'key' = 'refund:' || r.id
        and (j.status in ('queued', 'picked') or j.updated > clock_timestamp() - interval '5 minutes'))
order by r.created_at limit 100;

-- name: split_refund
-- Nothing of it has been asked for yet: $2 of it remain, and $4 become a refund of their own.
with part as (
    update refunds set amount = $2, updated_at = $5
    where id = $1 and status = 'pending' and provider_refund_id is null and amount = $2::bigint + $4::bigint
    returning *
)
insert into refunds (id, payment_id, amount, currency, reason, created_at, updated_at, requested_by)
select $3, payment_id, $4, currency, reason, $5, $5, requested_by from part
returning id;

-- name: fail_refund
update refunds set status = 'failed', failure = $2, updated_at = $3 where id = $1 and status = 'pending' returning id;
