-- name: enqueue
-- One job per key among those that wait; a job that runs has given its key back (see start).
insert into pgqueuer (priority, entrypoint, payload, execute_after, dedupe_key, headers, status)
values ($1, $2, $3, clock_timestamp() + $4, $5, $6, 'queued')
on conflict (dedupe_key) where status in ('queued', 'picked') and dedupe_key is not null do nothing
returning id;

-- name: start
-- Counts the start, so that a job which kills its process is not run for ever; and gives the key back, so that news
-- arriving while it runs is a job of its own.
update pgqueuer set
    headers = coalesce(headers, '{}'::jsonb) || jsonb_build_object('starts', coalesce((headers ->> 'starts')::int, 0) + 1),
    dedupe_key = null
where id = $1
returning (headers ->> 'starts')::int as starts, coalesce((headers ->> 'failures')::int, 0) as failures;

-- name: put_back
update pgqueuer set headers = headers || jsonb_build_object('starts', 0, 'failures', $2::int, 'error', $3::text)
where id = $1;

-- name: release
update pgqueuer set status = 'queued', execute_after = clock_timestamp(), queue_manager_id = null
where queue_manager_id = $1 and status = 'picked';

-- name: held
select id, entrypoint as kind, created, updated, payload, headers ->> 'error' as error,
       coalesce((headers ->> 'failures')::int, 0) as failures
from pgqueuer where status = 'failed' order by id desc limit $1;

-- name: show
select id, entrypoint as kind, status::text, created, updated, execute_after, payload, headers ->> 'error' as error,
       coalesce((headers ->> 'failures')::int, 0) as failures
from pgqueuer where id = $1;

-- name: retry
update pgqueuer set status = 'queued', execute_after = clock_timestamp(), attempts = 0,
    headers = headers || '{"starts": 0, "failures": 0}'::jsonb
where id = $1 and status = 'failed'
returning id;

-- name: drop
delete from pgqueuer where id = $1 and status = 'failed' returning id;

-- name: counts
select status::text, count(*) from pgqueuer group by status;

-- name: plan
insert into schedules (name, next_run) values ($1, $2) on conflict do nothing;

-- name: due
update schedules set next_run = $2 where name = $1 and next_run <= $3 returning name;

-- name: clean_log
delete from pgqueuer_log where created < clock_timestamp() - interval '3 days';
