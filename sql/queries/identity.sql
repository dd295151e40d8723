-- name: insert_customer
-- Nothing comes back when the address is taken.
insert into customers (id, email, name, phone, created_at, verified_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (lower(email)) do nothing
returning id;

-- name: free_address
-- The address has passed to another account, which is what its provider says: the old one was deleted there.
update customers set email = 'left-' || id || '@left.invalid', updated_at = $3
where lower(email) = lower($2) and id <> $1;

-- name: keep_customer
-- A traveller whose account is kept elsewhere. Who has been erased stays erased.
insert into customers (id, email, name, phone, created_at, verified_at)
select $1, $2, $3, $4, $5, case when $6 then $5::timestamptz end
where not exists (select 1 from customers c where lower(c.email) = lower($2) and c.id <> $1)
on conflict (id) do update set
    email = excluded.email,
    verified_at = coalesce(customers.verified_at, excluded.verified_at),
    updated_at = $5
where customers.erased_at is null and (
    customers.email <> excluded.email or (customers.verified_at is null and excluded.verified_at is not null)
);

-- name: customer_by_email
-- With the password of the pending registration where the address is not confirmed.
select u.id, u.email, u.name, u.phone, u.verified_at, coalesce(c.password_hash, r.password_hash) as password_hash
from customers u left join credentials c on c.customer_id = u.id left join registrations r on r.customer_id = u.id
where lower(u.email) = lower($1) and u.erased_at is null;

-- name: customer
select u.id, u.email, u.name, u.phone, u.verified_at, c.password_hash
from customers u left join credentials c on c.customer_id = u.id
where u.id = $1 and u.erased_at is null;

-- name: lock_customer
select id from customers where id = $1 and erased_at is null for update;

-- name: confirm_customer
-- True when it is the first confirmation.
update customers set verified_at = $2, updated_at = $2 where id = $1 and verified_at is null returning true;

-- name: set_credential
insert into credentials (customer_id, password_hash, changed_at) values ($1, $2, $3)
on conflict (customer_id) do update set password_hash = excluded.password_hash, changed_at = excluded.changed_at;

-- name: update_hash
-- Only while it is still the hash that was checked: a change of password in between wins.
update credentials set password_hash = $3 where customer_id = $1 and password_hash = $2;

-- name: hold_credential
-- Whether the password that was checked is still the password; no change of it passes until this transaction ends.
select true from credentials where customer_id = $1 and password_hash = $2 for share;

-- name: credential_by_id
select password_hash from credentials where customer_id = $1;

-- name: insert_session
insert into sessions (id, customer_id, created_at, last_seen_at, expires_at, ip, user_agent)
values ($1, $2, $3, $3, $4, $5, $6)
on conflict (id) do nothing;

-- name: mark_session
update sessions set device_id = coalesce($2, device_id), second_factor = second_factor or $3 where id = $1;

-- name: insert_refresh_token
insert into refresh_tokens (hash, session_id, issued_at) values ($1, $2, $3);

-- name: lock_refresh_token
select t.session_id, t.used_at, t.successor, s.customer_id, s.ended_at, s.expires_at
from refresh_tokens t join sessions s on s.id = t.session_id
where t.hash = $1
for update of t;

-- name: use_refresh_token
update refresh_tokens set used_at = $2, successor = $3 where hash = $1;

-- name: refresh_token
select used_at, successor from refresh_tokens where hash = $1;

-- name: forget_successors
update refresh_tokens set successor = null where successor is not null and used_at < $1;

-- name: session
select customer_id, ended_at, expires_at, second_factor from sessions where id = $1;

-- name: device_of_session
select device_id from sessions where id = $1;

-- name: see_session
-- A session that may have begun elsewhere, seen for the first time or again. Returns whether it has ended: here, or
-- by the end of all sessions that began ($7) before a moment. The lock makes this and `end_sessions` take turns.
insert into sessions (id, customer_id, created_at, last_seen_at, expires_at, ip, user_agent, ended_at, ended_because)
select $1, c.id, $3, $3, $4, $5, $6, ended.at, case when ended.at is not null then 'ended_before_seen' end
from customers c cross join lateral (
    select case
        when c.erased_at is not null or $7::timestamptz + interval '1 second' <= c.sessions_ended_at then $3::timestamptz
    end as at
) ended
where c.id = $2
for share of c
on conflict (id) do update set
    last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at,
    ip = excluded.ip, user_agent = excluded.user_agent
returning ended_at is not null;

-- name: touch_session
update sessions set last_seen_at = $2, ip = $3, user_agent = $4 where id = $1;

-- name: sessions
select id, created_at, last_seen_at, expires_at, ip, user_agent
from sessions where ended_at is null and expires_at > $1
order by last_seen_at desc, id;

-- name: end_session
update sessions set ended_at = $2, ended_because = $3 where id = $1 and ended_at is null returning customer_id;

-- name: end_own_session
update sessions set ended_at = $3, ended_because = $4
where id = $1 and customer_id = $2 and ended_at is null
returning id;

-- name: end_sessions
-- All of a customer's but one, which may be null.
select id from end_sessions($1, $2, $3, $4) as id;

-- name: last_token_at
select max(created_at) from one_time_tokens where customer_id = $1 and purpose = $2;

-- name: insert_token
insert into one_time_tokens (id, customer_id, purpose, hash, sealed, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: use_token
-- The guard is in the statement: of two that come at once one gets the row.
update one_time_tokens set used_at = $3
where hash = $1 and purpose = $2 and used_at is null and expires_at > $3
returning customer_id;

-- name: void_tokens
update one_time_tokens set used_at = $3 where customer_id = $1 and purpose = any($2::text[]) and used_at is null;

-- name: forget_tokens
delete from one_time_tokens where expires_at < $1;

-- name: forget_sessions
delete from sessions where coalesce(ended_at, expires_at) < $1;
