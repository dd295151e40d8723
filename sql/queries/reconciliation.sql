-- name: turn
-- Two that begin at the same moment come one after the other.
select pg_advisory_xact_lock(hashtext('reconcile'));

-- name: abandon
-- A run whose process has died: nobody renews its lease.
update reconciliations set ended_at = $1 where ended_at is null and lease_until <= $1;

-- name: running
select started_at from reconciliations where ended_at is null;

-- name: begin
insert into reconciliations (id, since, started_at, lease_until) values ($1, $2, $3, $4);

-- name: renew
update reconciliations set lease_until = $2 where id = $1 and ended_at is null;

-- name: finish
update reconciliations set ended_at = $2, report = $3 where id = $1;

-- name: forget
delete from reconciliations where started_at < $1;

-- name: last_run
-- The last that came to its end.
select id, since, started_at, ended_at, report from reconciliations where report is not null
order by started_at desc limit 1;

-- name: last_whole
-- The last in which nothing had to be left out but single rows, which every run looks at again until they succeed.
select max(started_at) from reconciliations
where report is not null
  and not exists (select from jsonb_array_elements(report -> 'notes') n where n ->> 'code' <> 'row_failed');

-- name: upsert
-- One that a person has closed over the very same facts stays closed.
insert into breaks (id, kind, subject, booking_id, payment_id, ours, theirs, proposal, found_at, seen_at)
select $1::uuid, $2::text, $3::text, $4::uuid, $5::uuid, $6::jsonb, $7::jsonb, $8::text, $9::timestamptz, $9::timestamptz
where not exists (
    select 1 from breaks
    where kind = $2::text and subject = $3::text and closed_by is not null and ours = $6::jsonb and theirs = $7::jsonb
)
on conflict (kind, subject) where closed_at is null do update set
    ours = excluded.ours, theirs = excluded.theirs, proposal = excluded.proposal, seen_at = excluded.seen_at
returning id, (xmax = 0) as new;

-- name: gone
-- Open ones of these kinds and subjects that are not among those just found.
select b.id, b.booking_id, b.payment_id from breaks b
where b.closed_at is null and b.kind = any ($1::text[]) and ($2::text[] is null or b.subject = any ($2))
  and not exists (
    select 1 from unnest($3::text[], $4::text[]) as f (kind, subject) where f.kind = b.kind and f.subject = b.subject
  );

-- name: close_gone
update breaks set closed_at = $2, closed_because = 'gone' where id = $1 and closed_at is null
returning kind, booking_id, payment_id;

-- name: write_down
-- A break that is made good in the same transaction.
insert into breaks (
    id, kind, subject, booking_id, payment_id, ours, theirs, proposal, found_at, seen_at, closed_at, closed_because
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10);

-- name: close_all_of
update breaks set closed_at = $3, closed_because = $4
where closed_at is null and payment_id = $1 and kind = any ($2::text[])
returning kind, booking_id, payment_id;

-- name: still_open
select 1 from breaks where closed_at is null and kind = $1 and coalesce(booking_id, payment_id) = $2 limit 1;

-- name: close
update breaks set closed_at = $2, closed_because = 'accepted', closed_by = $3, note = $4
where id = $1 and closed_at is null returning *;

-- name: open_breaks
select * from breaks where closed_at is null and kind = any ($1::text[]) order by found_at, id;

-- name: open_by_kind
select kind, count(*)::int as breaks from breaks where closed_at is null group by kind order by kind;

-- name: page
select * from breaks
where (not $1 or closed_at is null) and ($2::text is null or kind = $2)
order by closed_at is not null, found_at desc, id desc limit $3 offset $4;

-- name: count
select count(*) from breaks where (not $1 or closed_at is null) and ($2::text is null or kind = $2);

-- name: ledger
-- Payments with all that the books know of them, by their intents or their own ids.
select p.*, b.status as booking_status,
       (select coalesce(sum(t.amount), 0)::bigint from transactions t where t.payment_id = p.id and t.kind = 'write_off')
           as written_off,
       array(select r.provider_refund_id || ' ' || r.status from refunds r
             where r.payment_id = p.id and r.provider_refund_id is not null) as refunds_seen,
       array(select concat_ws(' ', d.provider_dispute_id, d.status, d.amount, d.currency)
             from disputes d where d.payment_id = p.id) as disputes_seen
from payments p join bookings b on b.id = p.booking_id
where p.intent_id = any ($1::text[]) or p.id = any ($2::uuid[]);

-- name: of_provider
-- What a provider is asked for one by one: it changed in this window, a break of it is open, or it could not be compared
-- the last time. Ids come with their intents; $4 leaves out what has been listed.
select p.id, p.intent_id from payments p
where p.provider = $1 and p.intent_id is not null and not p.intent_id = any ($4::text[])
  and (p.account is null or p.account = $7)
  and ((p.updated_at >= $2 and $5) or (p.created_at >= $2 and not $5)
       or exists (select 1 from breaks k where k.payment_id = p.id and k.closed_at is null and k.kind = any ($3::text[]))
       or exists (select 1 from row_failures f where f.payment_id = p.id and f.sweep = 'reconcile.intents'))
order by p.updated_at desc limit $6;

-- name: unchecked
-- Captured since $2 and not compared since $3, the longest ago first: a refund or a dispute may have come unheard.
select id, intent_id from payments
where provider = $1 and captured > 0 and intent_id is not null and created_at >= $2
  and (checked_at is null or checked_at <= $3) and updated_at <= $3
order by checked_at nulls first, id limit $4;

-- name: set_checked
update payments set checked_at = $2 where id = any ($1::uuid[]);

-- name: first_of
select min(p.created_at) from breaks k join payments p on p.id = k.payment_id
where k.closed_at is null and p.provider = $1 and k.kind = $2 and p.created_at >= $3;

-- name: fee_booked
select 1 from transactions where kind = 'fee' and payment_id = $1 and provider_id = $2;

-- name: standing
-- What shows without asking anybody. $1 an hour, $2 a day, $3 five days ago.
select 'payment_stuck' as kind, p.id::text as subject, p.booking_id, p.id as payment_id,
       jsonb_build_object('status', p.status, 'amount', p.amount, 'currency', p.currency, 'since', p.created_at) as ours
from payments p
where p.status in ('unpaid', 'requires_action', 'processing', 'unknown') and p.created_at <= $2
union all
select 'hold_expiring', p.id::text, p.booking_id, p.id,
       jsonb_build_object('held', p.amount, 'currency', p.currency, 'since', h.at, 'booking', b.status)
from payments p
join bookings b on b.id = p.booking_id
join lateral (
    select t.at from transactions t where t.payment_id = p.id and t.kind = 'authorise' order by t.at desc limit 1
) h on true
where p.status = 'authorised' and h.at <= $3
union all
select 'refund_stuck', r.id::text, p.booking_id, p.id,
       jsonb_build_object('refund', r.id, 'amount', r.amount, 'currency', r.currency, 'since', r.created_at)
from refunds r join payments p on p.id = r.payment_id
where r.status = 'pending' and r.provider_refund_id is null and r.created_at <= $1
union all
select 'money_without_booking', p.id::text, p.booking_id, p.id,
       jsonb_build_object('left', p.captured - p.refunded - p.disputed, 'currency', p.currency, 'booking', b.status)
from payments p join bookings b on b.id = p.booking_id
where p.status in ('partially_captured', 'paid', 'partially_refunded') and p.captured - p.refunded - p.disputed > 0
  and ((b.status in ('failed', 'cancelled', 'expired') and b.updated_at <= $1) or p.superseded_at <= $1)
  and not exists (
    select 1 from refunds r where r.payment_id = p.id and r.status = 'pending' and r.provider_refund_id is null
  )
union all
select 'refunded_with_ticket', b.id::text, b.id, p.id,
       jsonb_build_object('booking', b.status, 'refunded', p.refunded, 'currency', p.currency)
from payments p join bookings b on b.id = p.booking_id
where p.status = 'refunded' and p.superseded_at is null and b.status in ('ordered', 'confirmed')
  and not exists (
    select 1 from payments o where o.booking_id = b.id and o.id <> p.id and o.status in ('authorised', 'paid')
  )
union all
select 'dispute_lost_with_ticket', b.id::text, b.id, p.id,
       jsonb_build_object('booking', b.status, 'lost', sum(d.booked), 'currency', p.currency)
from disputes d join payments p on p.id = d.payment_id join bookings b on b.id = p.booking_id
where d.status = 'lost' and b.status in ('ordered', 'confirmed')
group by b.id, p.id;

-- name: belongs
-- Which payment and booking a line of the books is about.
select p.id as payment_id, p.booking_id from payments p
where p.id = $1 or p.booking_id = $1 or p.id = (select t.payment_id from transactions t where t.id = $1)
order by p.superseded_at nulls first, p.created_at desc limit 1;

-- name: orders_due
-- Orders whose supplier is to be asked: their booking has changed since they were last looked at; confirmed ones that
-- are still to be flown once a day; those with an open break, and those that could not be compared, once an hour
-- ($4: all of these, now). The day of departure is compared as text: a cast would fail for all over one unreadable row.
select o.booking_id, o.supplier, o.placed, o.order_id, b.status, b.reference, b.amount, b.currency
from supplier_orders o join bookings b on b.id = o.booking_id
where o.placed is not null and b.status in ('ordered', 'confirmed', 'failed', 'cancelled', 'expired')
  and o.supplier = $1 and (o.account is null or o.account = $7)
  and (
    (b.updated_at >= $2 and ($4 or o.checked_at is null or o.checked_at <= b.updated_at))
    or ((o.checked_at is null or o.checked_at <= $3::timestamptz - interval '1 day') and b.status = 'confirmed'
        and b.itinerary #>> '{slices,-1,segments,-1,departs_at}' >= to_char($3::timestamptz at time zone 'UTC', 'YYYY-MM-DD'))
    or (($4 or o.checked_at is null or o.checked_at <= $3::timestamptz - interval '1 hour') and (exists (
        select 1 from breaks k where k.closed_at is null and k.booking_id = o.booking_id and k.kind = any ($5::text[]))
        or exists (
        select 1 from row_failures f where f.sweep = 'reconcile.orders' and f.row_id = o.booking_id::text)))
  )
order by o.checked_at nulls first, o.booking_id limit $6;

-- name: checked
update supplier_orders set checked_at = $2 where booking_id = any ($1::uuid[]);
