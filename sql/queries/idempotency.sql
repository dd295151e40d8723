-- name: claim
-- Takes a key that is new, expired, or left behind by a process that died with the same request in its hands.
insert into idempotency_keys as held
    (caller, route, key, fingerprint, claim, status, created_at, expires_at, locked_until)
values ($1, $2, $3, $4, $5, 'in_flight', $6, $7, $8)
on conflict (caller, route, key) do update
set fingerprint = excluded.fingerprint,
    claim = excluded.claim,
    status = 'in_flight',
    response_status = null,
    response_headers = null,
    response_body = null,
    created_at = excluded.created_at,
    expires_at = excluded.expires_at,
    locked_until = excluded.locked_until
where held.expires_at <= excluded.created_at
    or (held.status = 'in_flight'
        and held.locked_until <= excluded.created_at
        and held.fingerprint = excluded.fingerprint)
returning claim;

-- name: find
-- What stands in the way of a claim.
select fingerprint, status, response_status, response_headers, response_body, locked_until
from idempotency_keys
where caller = $1 and route = $2 and key = $3;

-- name: keep
-- Stores the answer, unless somebody else has taken the key over.
update idempotency_keys
set status = 'done', response_status = $5, response_headers = $6, response_body = $7
where caller = $1 and route = $2 and key = $3 and claim = $4 and status = 'in_flight'
returning true;

-- name: release
-- Gives the key back: the request failed and may come again.
delete from idempotency_keys
where caller = $1 and route = $2 and key = $3 and claim = $4 and status = 'in_flight';

-- name: sweep
-- Forgets what has expired.
with gone as (
    delete from idempotency_keys where expires_at <= $1 returning 1
)
select count(*) from gone;
