-- name: receive
-- Rows and their jobs in one statement. A known event is only counted. The queue does not ring: that would make commits
-- queue up (see migration 16). `ring` does it afterwards; should that be lost, workers look once a second. In the order
-- of their names, so that two statements never wait for each other; and not for long for one that is being worked on.
with quiet as materialized (
    select set_config('hub.quiet', 'on', true) as is_on, set_config('lock_timeout', '1s', true)
), given as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::bytea[], $6::timestamptz[],
                         $7::timestamptz[], $8::text[])
        as g (provider, event_id, type, payload, raw, occurred_at, received_at, request_id)
), event as (
    insert into webhook_events (provider, event_id, type, payload, raw, occurred_at, received_at)
    select g.provider, g.event_id, g.type, g.payload, g.raw, g.occurred_at, g.received_at
    from given g, quiet where is_on = 'on' order by g.provider, g.event_id
    on conflict (provider, event_id) do update set deliveries = webhook_events.deliveries + 1
    returning id, (xmax = 0) as new, status, provider, event_id
), work as (
    insert into pgqueuer (priority, entrypoint, payload, execute_after, dedupe_key, headers, status)
    select 0, 'webhook.process',
           convert_to(json_build_object('work', json_build_object('event', id),
                                        'about', json_build_object('request_id', g.request_id, 'booking_id', null))::text,
                      'UTF8'),
           clock_timestamp(), 'webhook:' || id, jsonb_build_object('key', 'webhook:' || id), 'queued'
    from event join given g using (provider, event_id) where new
)
select id, new, status, provider, event_id from event;

-- name: known
select event_id from webhook_events where provider = $1 and event_id = any($2::text[]);

-- name: ring
-- To insert nothing is enough for the queue's own trigger to wake the workers.
insert into pgqueuer (priority, entrypoint, status) select 0, '', 'queued' where false;

-- name: lock
select * from webhook_events where id = $1 for update;

-- name: find
select * from webhook_events where id = $1;

-- name: processed
update webhook_events set status = 'processed', processed_at = $2 where id = $1;

-- name: ignore
update webhook_events set status = 'ignored', processed_at = $2 where id = $1 and status in ('received', 'failed');

-- name: concerns
update webhook_events set booking_id = $2 where id = $1 and booking_id is distinct from $2;

-- name: reopen
update webhook_events set status = 'received', processed_at = null where id = $1 returning id;

-- name: list
select id, provider, event_id, type, received_at, processed_at, status, deliveries, booking_id
from webhook_events
where ($1::text is null or provider = $1) and ($2::text is null or status = $2)
order by id desc limit $3;

-- name: stranded
-- A job in any state leaves it alone. One that runs has given its key back, but bears it still.
select e.id from webhook_events e
where e.status = 'received' and e.received_at <= $1
    and not exists (select from pgqueuer j where j.headers ->> 'key' = 'webhook:' || e.id)
order by e.id limit 200;

-- name: give_up
-- The job of these is held, so a person decides: they are not stranded.
update webhook_events e set status = 'failed'
from pgqueuer j
where e.status = 'received' and e.received_at <= $1 and j.status = 'failed' and j.headers ->> 'key' = 'webhook:' || e.id;
