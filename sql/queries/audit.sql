-- name: record
-- Keeps one act.
insert into audit_logs (at, actor, action, customer_id, booking_id, request_id, ip, user_agent, data)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);
