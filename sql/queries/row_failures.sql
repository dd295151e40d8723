-- name: failing
-- The rows of a sweep that have failed, and whether they still wait for their next try.
select row_id, retry_at > $2 as waits from row_failures where sweep = $1;

-- name: add_failure
-- $8 seconds until the second try, doubled with every further failure, at most $9.
insert into row_failures as f (
    sweep, row_id, booking_id, payment_id, error, transient, first_failed_at, last_failed_at, retry_at
) values ($1, $2, $3, $4, $5, $6, $7::timestamptz, $7, $7::timestamptz + $8 * interval '1 second')
on conflict (sweep, row_id) do update set
    failures = f.failures + 1, error = excluded.error, transient = excluded.transient,
    last_failed_at = excluded.last_failed_at, retry_at = excluded.last_failed_at + interval '1 second'
        * least($8 * power(2.0, case when $6 then 0 else least(f.failures, 20) end), $9)
returning failures, extract(epoch from retry_at - last_failed_at)::float8 as retry_after;

-- name: remove_failure
delete from row_failures where sweep = $1 and row_id = $2 returning row_id;

-- name: remove_stale_failures
-- Rows that no sweep meets any more: somebody has dealt with them.
delete from row_failures where last_failed_at < $1;

-- name: repeated_failures
-- Those for people: $1 failures of the row's own, or a provider that was not available for it at any try during $2.
select * from row_failures where (failures >= $1 and not transient) or last_failed_at - first_failed_at >= $2::interval
order by first_failed_at, sweep, row_id;
