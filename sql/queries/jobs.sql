-- name: enqueue
-- One job per key among those that wait; a job that runs has given its key back (see start). News hurries a job that
-- waits for its time, unless it waits because it failed. A held job with the key is the same work: the new one takes its
-- place. What a schedule asks for ($6) hurries nothing, takes a held job's place only after five minutes, and inherits
-- its failures, so that one more holds it again.
with held as (
    select id, headers, $6 and updated > clock_timestamp() - interval '5 minutes' as resting
    from pgqueuer where status = 'failed' and headers ->> 'key' = $5
), superseded as (
    delete from pgqueuer where id in (select id from held where not resting) and status = 'failed'
    returning headers
)
insert into pgqueuer (priority, entrypoint, payload, execute_after, dedupe_key, headers, status)
select $1, $2, $3, clock_timestamp() + $4, $5,
       jsonb_build_object('key', $5::text) || coalesce(
           (select jsonb_build_object('failures', headers -> 'failures', 'error', headers -> 'error')
            from superseded where $6 limit 1),
           '{}'::jsonb),
       'queued'
where not exists (select from held where resting)
on conflict (dedupe_key) where status in ('queued', 'picked') and dedupe_key is not null
do update set execute_after = least(pgqueuer.execute_after, excluded.execute_after)
where not $6 and pgqueuer.status = 'queued' and coalesce((pgqueuer.headers ->> 'failures')::int, 0) = 0
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
-- Its start has come to an end, well or badly: it is no start that killed the process. It takes its key again, unless a
-- newer job waits under it: then that one inherits the failures and this one is `folded`, for it has nothing left to do.
with mine as (
    select id, headers ->> 'key' as key, coalesce($2::int, (headers ->> 'failures')::int, 0) as failures
    from pgqueuer where id = $1
), newer as (
    update pgqueuer q
    set headers = q.headers || jsonb_build_object(
        'failures', greatest(mine.failures, coalesce((q.headers ->> 'failures')::int, 0)))
    from mine where q.dedupe_key = mine.key and q.id <> mine.id and q.status in ('queued', 'picked')
    returning q.id
)
update pgqueuer set
    headers = headers || jsonb_build_object('starts', 0, 'failures', mine.failures,
                                            'error', coalesce($3, headers ->> 'error')),
    dedupe_key = case when exists (select from newer) then null else mine.key end
from mine where pgqueuer.id = mine.id
returning mine.key is not null and pgqueuer.dedupe_key is null as folded;

-- name: note
-- What is said of a job that is about to be held.
update pgqueuer set headers = headers || jsonb_build_object('starts', 0, 'failures', $2::int, 'error', $3::text)
where id = $1;

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
    headers = coalesce(headers, '{}'::jsonb) || '{"starts": 0, "failures": 0}'::jsonb
where id = $1 and status = 'failed'
returning id;

-- name: drop
delete from pgqueuer where id = $1 and status = 'failed' returning id;

-- name: counts
select status::text, count(*) from pgqueuer group by status;

-- name: plan
-- A new schedule is due at once; one whose period was shortened, within its new period.
insert into schedules (name, next_run)
select name, $3 from unnest($1::text[], $2::float8[]) as given (name, seconds)
on conflict (name) do update set next_run = least(schedules.next_run, $3 + (
    select seconds from unnest($1::text[], $2::float8[]) as given (name, seconds) where given.name = schedules.name
) * interval '1 second');

-- name: due
-- The names whose turn it is; for each, one asker of all gets it.
with due as (
    select s.name, given.seconds from schedules s
    join unnest($1::text[], $2::float8[]) as given (name, seconds) on given.name = s.name
    where s.next_run <= $3 for update of s skip locked
)
update schedules s set next_run = $3 + due.seconds * interval '1 second' from due where s.name = due.name
returning s.name;

-- name: clean_log
delete from pgqueuer_log where created < clock_timestamp() - interval '3 days';
