-- name: keys
-- Newest first. A key is retired when its successor has been signing for longer than any token lives ($2).
select kid, public_jwk, sealed, created_at, signs_from,
       case
           when signs_from > $1 then 'waiting'
           when next_from is null or next_from > $1 then 'signing'
           when next_from + $2::interval > $1 then 'verifying'
           else 'retired'
       end as state
from (
    select *, lead(signs_from) over (order by signs_from, created_at) as next_from from signing_keys
) ordered
order by signs_from desc, created_at desc;

-- name: lock
select pg_advisory_xact_lock(hashtext('travel-hub:signing-keys'));

-- name: insert
insert into signing_keys (kid, public_jwk, sealed, created_at, signs_from) values ($1, $2, $3, $4, $5);

-- name: forget
-- The key that signs stays, however old it is.
delete from signing_keys k where exists (
    select 1 from signing_keys later where later.signs_from > k.signs_from and later.signs_from < $1
);
