-- name: movements
select t.*, b.reference, (
    select coalesce(jsonb_object_agg(account, balance), '{}') from (
        select p.account, sum(p.amount)::bigint as balance
        from transactions earlier join postings p on p.transaction_id = earlier.id
        where earlier.payment_id = t.payment_id and earlier.currency = t.currency
          and (earlier.at, earlier.id) <= (t.at, t.id)
        group by p.account) after) as balances
from transactions t join bookings b on b.id = t.booking_id
where ($1::uuid is null or t.booking_id = $1) and ($2::uuid is null or t.payment_id = $2)
  and ($3::uuid is null or t.customer_id = $3) and ($4::text is null or t.kind = $4)
  and ($5::text is null or t.provider = $5) and ($6::text is null or t.currency = $6)
  and ($7::timestamptz is null or t.at >= $7) and ($8::timestamptz is null or t.at < $8)
order by t.at desc, t.id desc
limit $9 offset $10;

-- name: count_movements
select count(*) from transactions t
where ($1::uuid is null or t.booking_id = $1) and ($2::uuid is null or t.payment_id = $2)
  and ($3::uuid is null or t.customer_id = $3) and ($4::text is null or t.kind = $4)
  and ($5::text is null or t.provider = $5) and ($6::text is null or t.currency = $6)
  and ($7::timestamptz is null or t.at >= $7) and ($8::timestamptz is null or t.at < $8);

-- name: movement
select t.*, b.reference, (
    select coalesce(jsonb_object_agg(account, balance), '{}') from (
        select p.account, sum(p.amount)::bigint as balance
        from transactions earlier join postings p on p.transaction_id = earlier.id
        where earlier.payment_id = t.payment_id and earlier.currency = t.currency
          and (earlier.at, earlier.id) <= (t.at, t.id)
        group by p.account) after) as balances
from transactions t join bookings b on b.id = t.booking_id
where t.id = $1;

-- name: changes
select at, actor, was, became, captured, refunded, disputed, failure
from transaction_audit_logs where payment_id = $1 order by id;

-- name: refunds
select * from refunds where payment_id = $1 order by created_at, id;

-- name: payment_of
select id from payments where booking_id = $1 and superseded_at is null
order by (status in ('failed', 'released')), created_at desc limit 1;
