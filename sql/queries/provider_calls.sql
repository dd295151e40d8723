-- name: add_call
-- One attempt; the parameters are the fields of CallRecord in their order.
insert into provider_calls (
    provider, operation, attempt, method, status, outcome, duration_ms,
    idempotency_key, booking_id, request_id, provider_request_id, started_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: calls_of_booking
select provider, operation, attempt, method, status, outcome, duration_ms,
       idempotency_key, booking_id, request_id, provider_request_id, started_at
from provider_calls
where booking_id = $1
order by started_at, id
