-- name: insert_customer
-- Nothing comes back when the address is taken.
insert into customers (id, email, name, phone, created_at)
values ($1, $2, $3, $4, $5)
on conflict (lower(email)) do nothing
returning id;

-- name: insert_credential
insert into credentials (customer_id, password_hash, changed_at) values ($1, $2, $3);

-- name: update_hash
-- Only while it is still the hash that was checked: a change of password in between wins.
update credentials set password_hash = $3 where customer_id = $1 and password_hash = $2;

-- name: credential_by_email
select c.customer_id, c.password_hash
from credentials c join customers u on u.id = c.customer_id
where lower(u.email) = lower($1);

-- name: insert_session
insert into sessions (id, customer_id, created_at, expires_at, ip, user_agent) values ($1, $2, $3, $4, $5, $6);

-- name: insert_refresh_token
insert into refresh_tokens (hash, session_id, issued_at) values ($1, $2, $3);

-- name: lock_refresh_token
select t.session_id, t.used_at, s.customer_id, s.ended_at, s.expires_at
from refresh_tokens t join sessions s on s.id = t.session_id
where t.hash = $1
for update of t;

-- name: use_refresh_token
update refresh_tokens set used_at = $2 where hash = $1;

-- name: end_session
update sessions set ended_at = $2, ended_because = $3 where id = $1 and ended_at is null returning customer_id;
