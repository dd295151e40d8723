-- name: find_pending
-- The registration that waits for the confirmation of an address.
select r.customer_id, r.password_hash, r.secret_hash, r.disputed
from registrations r join customers c on c.id = r.customer_id
where lower(c.email) = lower($1) and c.verified_at is null and c.erased_at is null;

-- name: record
-- Disputed stays disputed; so becomes a registration that takes the place of another ($7 false).
insert into registrations as r (customer_id, password_hash, name, phone, secret_hash, disputed, created_at)
select c.id, $2, $3, $4, $5, false, $6 from customers c where c.id = $1
on conflict (customer_id) do update set
    password_hash = excluded.password_hash, name = excluded.name, phone = excluded.phone,
    secret_hash = excluded.secret_hash, created_at = excluded.created_at, disputed = r.disputed or not $7
returning disputed;

-- name: dispute
update registrations set disputed = true where customer_id = $1;

-- name: take
delete from registrations where customer_id = $1 returning *;

-- name: set_name
update customers set name = $2, phone = $3, updated_at = $4 where id = $1;

-- name: forget_confirmed
-- Addresses that were confirmed without the hub, at a remote identity provider.
delete from registrations r using customers c where c.id = r.customer_id and c.verified_at is not null;
