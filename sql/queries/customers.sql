-- name: me
-- No comparison with the caller: row-level security shows a traveller one row, their own.
select id, email, name, phone, created_at, payment_customer_id, payment_account,
    payment_customer_losses, verified_at, erased_at from customers
where erased_at is null;

-- name: find
select id, email, name, phone, created_at, payment_customer_id, payment_account,
    payment_customer_losses, verified_at, erased_at from customers where id = $1;

-- name: lock
-- One writer at a time for all that hangs on a traveller; bookings and payments that name them do not wait.
select id, email, name, phone, created_at, payment_customer_id, payment_account,
    payment_customer_losses, verified_at, erased_at from customers
where id = $1 and erased_at is null for no key update;

-- name: set_payment_customer
-- In each account the first writer wins; everybody gets what is stored.
update customers set
    payment_customer_id = case when payment_account = $3 then coalesce(payment_customer_id, $2) else $2 end,
    payment_account = $3
where id = $1
returning payment_customer_id;

-- name: lose_payment_customer
update customers set payment_customer_id = null, payment_customer_losses = payment_customer_losses + 1
where id = $1 and payment_customer_id = $2;

-- name: change_profile
update customers set name = $2, phone = $3, updated_at = $4 where id = $1;

-- name: addresses
-- For a traveller: row-level security leaves only their own. So in all queries here that name no customer.
select kind, name, line1, city, country, line2, region, postcode, phone, is_default, id, created_at, updated_at
from addresses order by is_default desc, id desc;

-- name: address
select kind, name, line1, city, country, line2, region, postcode, phone, is_default, id, created_at, updated_at
from addresses where id = $1 and customer_id = $2;

-- name: count_addresses
select count(*) from addresses where customer_id = $1;

-- name: insert_address
insert into addresses (
    id, customer_id, kind, name, line1, city, country, line2, region, postcode, phone, created_at, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12);

-- name: change_address
update addresses set
    kind = $3, name = $4, line1 = $5, city = $6, country = $7, line2 = $8, region = $9, postcode = $10, phone = $11,
    updated_at = $12
where id = $1 and customer_id = $2;

-- name: unset_default
-- The other one gives its place up first: the index looks at every row, not only at the end. It stays the default
-- where the new one is not theirs.
update addresses set is_default = false
where customer_id = $1 and is_default and id <> $2
  and exists (select 1 from addresses other where other.id = $2 and other.customer_id = $1);

-- name: set_default
update addresses set is_default = true where customer_id = $1 and id = $2;

-- name: set_newest_default
update addresses set is_default = true
where id = (select id from addresses where customer_id = $1 order by id desc limit 1);

-- name: delete_address
delete from addresses where id = $1 and customer_id = $2 returning is_default;

-- name: preferences
select language, currency, cabin, home_airport, seat, meal, newsletter, marketing_sms, extra, updated_at
from preferences;

-- name: keep_preferences
insert into preferences (
    customer_id, language, currency, cabin, home_airport, seat, meal, newsletter, marketing_sms, extra, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (customer_id) do update set
    language = excluded.language,
    currency = excluded.currency,
    cabin = excluded.cabin,
    home_airport = excluded.home_airport,
    seat = excluded.seat,
    meal = excluded.meal,
    newsletter = excluded.newsletter,
    marketing_sms = excluded.marketing_sms,
    extra = excluded.extra,
    updated_at = excluded.updated_at;

-- name: stats
select points, bookings_paid, bookings_refunded, last_paid_at from customer_stats;

-- name: spend
select currency, paid, refunded from customer_spend order by currency;

-- name: loyalty
select id, booking_id, points, reason, at from loyalty_entries order by id desc limit $1 offset $2;

-- name: count_loyalty
select count(*) from loyalty_entries;
