-- name: add
-- Nothing comes back when the address is taken.
insert into staff (id, email, name, roles, issuer, subject, password_hash, created_at)
values ($1, $2, $3, $4, 'local', ($1::uuid)::text, $5, $6)
on conflict (lower(email)) where issuer = 'local' do nothing
returning *;

-- name: keep
-- What an OpenID provider says wins.
insert into staff as s (id, email, name, roles, issuer, subject, created_at, last_seen_at)
values ($1, $2, $3, $6, $4, $5, $7, $7)
on conflict (issuer, subject) do update set
    email = coalesce(nullif(excluded.email, ''), s.email),
    name = coalesce(nullif(excluded.name, ''), s.name),
    roles = excluded.roles,
    last_seen_at = excluded.last_seen_at
returning *;

-- name: find
select * from staff where id = $1;

-- name: lock_subject
select roles from staff where issuer = $1 and subject = $2 for update;

-- name: by_subject
select * from staff where issuer = $1 and subject = $2;

-- name: by_email
-- A local member, and whether they have signed in from this address lately.
select p.*, exists (
    select from staff_sessions s where s.staff_id = p.id and s.ip = $2 and s.created_at > $3
) as known_here
from staff p
where p.issuer = 'local' and lower(p.email) = lower($1);

-- name: lock
select * from staff where id = $1 for update;

-- name: page
select * from staff order by lower(name), id limit $1 offset $2;

-- name: count
select count(*) from staff;

-- name: lock_admins
-- All who could still manage staff. Locked, so that two of them cannot demote each other at once.
select id from staff
where 'admin' = any (roles) and disabled_at is null and issuer = $1
order by id for update;

-- name: change
update staff set roles = $2, disabled_at = $3 where id = $1 returning *;

-- name: set_password
update staff set password_hash = $2 where id = $1 and issuer = 'local' returning id;

-- name: refresh_hash
-- Only while it is still the hash that was checked: a change of password in between wins.
update staff set password_hash = $3 where id = $1 and password_hash = $2;

-- name: start
insert into staff_sessions (id, staff_id, hash, sealed, created_at, expires_at, ip, user_agent, second_factor)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: standing
-- A session that stands, with its owner, who is let in by `issuer` now.
select p.*, s.id as session_id, s.created_at as session_began, s.expires_at, s.second_factor
from staff_sessions s join staff p on p.id = s.staff_id
where s.hash = $1 and s.ended_at is null and s.expires_at > $2 and p.disabled_at is null and p.issuer = $3;

-- name: stands
select p.*, s.second_factor from staff p left join staff_sessions s on s.id = $2 and s.staff_id = p.id
where p.id = $1 and p.disabled_at is null and p.issuer = $4
    and ($2::uuid is null or (s.ended_at is null and s.expires_at > $3));

-- name: seen
-- The end moves on while the session is used.
with moved as (update staff_sessions set expires_at = $3 where id = $2 and ended_at is null)
update staff set last_seen_at = $4 where id = $1;

-- name: end
update staff_sessions set ended_at = $2, ended_because = $3 where id = $1 and ended_at is null
returning staff_id, sealed;

-- name: end_all
update staff_sessions set ended_at = $2, ended_because = $3
where staff_id = $1 and ended_at is null and id is distinct from $4
returning id;

-- name: forget_sessions
delete from staff_sessions where coalesce(ended_at, expires_at) < $1;

-- name: forget_second_factor
delete from staff_second_factors where staff_id = $1 returning confirmed_at is not null;

-- name: forget_recovery_codes
delete from staff_recovery_codes where staff_id = $1;
