-- name: status
select f.confirmed_at, (
    select count(*) from staff_recovery_codes r where r.staff_id = f.staff_id and r.used_at is null
) as codes
from staff_second_factors f where f.staff_id = $1;

-- name: required
select true from staff_second_factors where staff_id = $1 and confirmed_at is not null;

-- name: begin
-- Nothing comes back when it is on.
insert into staff_second_factors (staff_id, sealed, created_at) values ($1, $2, $3)
on conflict (staff_id) do update set sealed = excluded.sealed, created_at = excluded.created_at, last_step = 0
where staff_second_factors.confirmed_at is null
returning staff_id;

-- name: lock
select sealed, confirmed_at from staff_second_factors where staff_id = $1 for update;

-- name: use_step
-- The guard is in the statement: of two that come at once one gets the row.
update staff_second_factors set last_step = $2, sealed = $3 where staff_id = $1 and last_step < $2 returning staff_id;

-- name: confirm
update staff_second_factors set confirmed_at = $2 where staff_id = $1 and confirmed_at is null;

-- name: turn_off
delete from staff_second_factors where staff_id = $1;

-- name: use_recovery_code
update staff_recovery_codes set used_at = $3 where staff_id = $1 and hash = $2 and used_at is null returning staff_id;

-- name: insert_codes
insert into staff_recovery_codes (staff_id, hash) select $1, unnest($2::bytea[]);

-- name: forget_codes
delete from staff_recovery_codes where staff_id = $1;

-- name: pending
-- A secret that has not been confirmed.
select sealed from staff_second_factors where staff_id = $1 and confirmed_at is null;
