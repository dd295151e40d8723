-- name: status
select f.confirmed_at, (
    select count(*) from recovery_codes r where r.customer_id = f.customer_id and r.used_at is null
) as codes
from second_factors f where f.customer_id = $1;

-- name: required
select true from second_factors where customer_id = $1 and confirmed_at is not null;

-- name: begin
-- Nothing comes back when it is on.
insert into second_factors (customer_id, sealed, created_at) values ($1, $2, $3)
on conflict (customer_id) do update set sealed = excluded.sealed, created_at = excluded.created_at, last_step = 0
where second_factors.confirmed_at is null
returning customer_id;

-- name: lock
select sealed, confirmed_at from second_factors where customer_id = $1 for update;

-- name: use_step
-- The guard is in the statement: of two that come at once one gets the row.
update second_factors set last_step = $2, sealed = $3 where customer_id = $1 and last_step < $2 returning customer_id;

-- name: confirm
update second_factors set confirmed_at = $2 where customer_id = $1 and confirmed_at is null;

-- name: turn_off
delete from second_factors where customer_id = $1;

-- name: use_recovery_code
update recovery_codes set used_at = $3 where customer_id = $1 and hash = $2 and used_at is null returning customer_id;

-- name: insert_codes
insert into recovery_codes (customer_id, hash) select $1, unnest($2::bytea[]);

-- name: forget_codes
delete from recovery_codes where customer_id = $1;

-- name: pending
-- A secret that has not been confirmed.
select sealed from second_factors where customer_id = $1 and confirmed_at is null;
