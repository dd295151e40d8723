-- name: insert_transaction
insert into transactions (id, payment_id, booking_id, customer_id, kind, amount, currency, provider, provider_id, actor, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: insert_postings
insert into postings (transaction_id, account, amount) values ($1, $2, -$4::bigint), ($1, $3, $4::bigint);

-- name: balances
select p.account, sum(p.amount)::bigint as balance
from postings p join transactions t on t.id = p.transaction_id join payments y on y.id = t.payment_id
where t.payment_id = $1 and t.currency = y.currency
group by p.account;

-- name: log
insert into transaction_audit_logs (
    payment_id, at, actor, request_id, was, became, captured, refunded, disputed, failure
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: check
-- $1 looks only at what has moved since. Each rule is one sentence that must be true; its breaches are listed.
with looked_at as (
    select * from payments where $1::timestamptz is null or updated_at >= $1
), accounts as (
    select y.id,
           coalesce(sum(p.amount) filter (where p.account = 'traveller'), 0)::bigint as traveller,
           coalesce(sum(p.amount) filter (where p.account = 'held'), 0)::bigint as held,
           coalesce(sum(p.amount) filter (where p.account = 'taken'), 0)::bigint as taken,
           coalesce(sum(p.amount) filter (where p.account = 'disputed'), 0)::bigint as disputed,
           coalesce(sum(p.amount) filter (where p.account = 'written_off'), 0)::bigint as written_off
    from looked_at y
    left join transactions t on t.payment_id = y.id and t.currency = y.currency
    left join postings p on p.transaction_id = t.id
    group by y.id
), given_back as (
    select y.id, coalesce(sum(r.amount) filter (where r.status <> 'failed' and r.provider_refund_id is not null), 0)::bigint
               as known,
           coalesce(sum(r.amount) filter (where r.status <> 'failed'), 0)::bigint as wanted, count(r.id) as refunds
    from looked_at y left join refunds r on r.payment_id = y.id group by y.id
)
select 'a transaction adds up to nothing' as rule, t.id as subject, jsonb_build_object('sum', sum(p.amount)) as detail
from looked_at y join transactions t on t.payment_id = y.id left join postings p on p.transaction_id = t.id
group by t.id having coalesce(sum(p.amount), 0) <> 0 or count(p.account) <> 2
union all
select 'what came in is held, taken, disputed, written off or back', a.id, to_jsonb(a) from accounts a
where traveller + held + taken + disputed + written_off <> 0
union all
select 'what is held is what is authorised', y.id, jsonb_build_object('held', a.held, 'status', y.status)
from looked_at y join accounts a using (id)
where a.held <> case when y.status = 'authorised' then y.amount else 0 end
union all
select 'what is taken is what was captured and is not back', y.id,
       jsonb_build_object('taken', a.taken, 'captured', y.captured, 'refunded', y.refunded, 'disputed', y.disputed)
from looked_at y join accounts a using (id)
where a.taken + a.written_off <> y.captured - y.refunded - y.disputed
union all
select 'the payment knows its refunds', y.id, jsonb_build_object('refunded', y.refunded, 'rows', g.known)
from looked_at y join given_back g using (id) where g.refunds > 0 and g.known <> y.refunded
union all
select 'no more is given back than was captured', y.id, jsonb_build_object('captured', y.captured, 'wanted', g.wanted)
from looked_at y join given_back g using (id) where g.wanted > y.captured
union all
select 'a movement is in the currency of its payment', t.id, jsonb_build_object('currency', t.currency)
from looked_at y join transactions t on t.payment_id = y.id where t.currency <> y.currency and t.kind <> 'fee'
union all
select 'the booking shows its payment', b.id, jsonb_build_object('booking', b.payment_status, 'payment', y.status)
from looked_at y join bookings b on b.id = y.booking_id
where y.superseded_at is null and y.status not in ('failed', 'released') and b.payment_status <> y.status
union all
select 'a confirmed booking is paid for', b.id, jsonb_build_object('captured', y.captured, 'price', b.amount)
from looked_at y join bookings b on b.id = y.booking_id
where b.status = 'confirmed' and y.superseded_at is null and y.status not in ('failed', 'released')
  and y.captured < b.amount
limit 1000;
