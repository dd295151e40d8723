-- name: lock_customer
-- One at a time for a traveller, until the transaction ends: whoever counts, counts what the others have begun.
select pg_advisory_xact_lock(hashtextextended('plans:' || $1::uuid::text, 0));

-- name: insert_plan
insert into trip_plans (
    id, customer_id, destination, starts_on, ends_on, place, words, request, cache_key, notify,
    idempotency_key, fingerprint, lease, lease_until, created_at, updated_at
) values ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
returning *;

-- name: find
select * from trip_plans where id = $1;

-- name: lock
select * from trip_plans where id = $1 for update;

-- name: find_by_key
select * from trip_plans where customer_id = $1 and idempotency_key = $2;

-- name: count_leased
select count(*) from trip_plans where customer_id = $1 and lease is not null and lease_until > $2;

-- name: take_lease
-- The right to write to a plan in that status, unless somebody has it.
update trip_plans set lease = $2, lease_until = $3, updated_at = $4
where id = $1 and status = $5 and (lease is null or lease_until <= $4)
returning *;

-- name: renew_lease
update trip_plans set lease_until = $3, updated_at = $4 where id = $1 and lease = $2 returning id;

-- name: drop_lease
update trip_plans set lease = null, lease_until = null, updated_at = $3 where id = $1 and lease = $2 returning id;

-- name: revive
update trip_plans set status = 'making', failure = null, updated_at = $2 where id = $1 and status = 'failed' returning *;

-- name: append_events
-- In one statement with the lease: who has lost it writes nothing, and gets no rows.
with mine as (
    update trip_plans set lease_until = $3, updated_at = $4 where id = $1 and lease = $2 returning id
), last as (
    select coalesce(max(seq), 0) as seq from plan_events where plan_id = $1
)
insert into plan_events (plan_id, seq, event, data, at)
select mine.id, last.seq + one.number, one.event, one.data, $4
from mine cross join last cross join unnest($5::text[], $6::jsonb[]) with ordinality as one (event, data, number)
returning seq, event, data;

-- name: events
select seq, event, data from plan_events where plan_id = $1 and seq > $2 order by seq;

-- name: put_ground
insert into plan_grounds (plan_id, ground, at) values ($1, $2, $3)
on conflict (plan_id) do update set ground = excluded.ground, at = excluded.at;

-- name: ground
select ground from plan_grounds where plan_id = $1;

-- name: add_version
-- By whoever has the lease ($2), or without one (null): on top of version $3, or of none of it when that has changed.
update trip_plans set
    version = version + 1,
    status = $4,
    title = $5,
    words = $6,
    planner = $7,
    model = coalesce($8, model),
    failure = $9,
    lease = case when $2::uuid is null then lease end,
    lease_until = case when $2::uuid is null then lease_until end,
    ready_at = case when $4 = 'ready' then coalesce(ready_at, $10) else ready_at end,
    updated_at = $10
where id = $1 and ($2::uuid is null or lease = $2) and version = $3
returning *;

-- name: insert_version
insert into plan_versions (plan_id, version, document, reason, by, created_at) values ($1, $2, $3, $4, $5, $6);

-- name: prune_versions
-- The first is kept: it is what the planner made.
delete from plan_versions where plan_id = $1 and version > 1 and version <= $2;

-- name: fail
update trip_plans set status = 'failed', failure = $3, lease = null, lease_until = null, updated_at = $4
where id = $1 and (lease = $2 or $2::uuid is null) and status = 'making'
returning *;

-- name: insert_making
insert into plan_makings (
    plan_id, reason, outcome, version, planner, prompt, models, checks, input_tokens, output_tokens, cost, currency,
    started_at, ended_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: makings
select reason, outcome, version, planner, prompt, models, checks, input_tokens, output_tokens, cost, currency,
       started_at, ended_at
from plan_makings where plan_id = $1 order by id;

-- name: usage_of_version
select coalesce(sum(input_tokens), 0)::bigint as input_tokens, coalesce(sum(output_tokens), 0)::bigint as output_tokens,
       coalesce(sum(cost), 0)::bigint as cost, max(currency) as currency
from plan_makings where plan_id = $1 and version = $2;

-- name: version
select version, document, reason, by, created_at from plan_versions where plan_id = $1 and version = $2;

-- name: versions
select version, document ->> 'title' as title, reason, by, created_at, count(*) over () as total
from plan_versions where plan_id = $1 order by version desc limit $2 offset $3;

-- name: cached
-- Made by a model for the very same request, by whomever: such a request has no words of theirs. As it was made.
select p.planner, p.model, p.ready_at, p.title, v.document, g.ground
from trip_plans p
join plan_versions v on v.plan_id = p.id and v.reason = 'made'
left join plan_grounds g on g.plan_id = p.id
where p.cache_key = $1 and p.cached_at is null and p.ready_at >= $2 and p.model is not null
order by p.ready_at desc, v.version desc limit 1;

-- name: set_cached
update trip_plans set cached_at = $2 where id = $1 returning *;

-- name: page
-- For a traveller: row-level security leaves only their own.
select *, count(*) over () as total from trip_plans
where ($1::text is null or status = $1) and ($2::text is null or visibility = $2)
    and ($3::text is null or to_tsvector('simple', words) @@ to_tsquery('simple', $3))
order by created_at desc, id desc
limit $4 offset $5;

-- name: count
select count(*) from trip_plans
where ($1::text is null or status = $1) and ($2::text is null or visibility = $2)
    and ($3::text is null or to_tsvector('simple', words) @@ to_tsquery('simple', $3));

-- name: public_page
select *, count(*) over () as total from trip_plans
where visibility = 'public' and status = 'ready'
    and ($1::text is null or to_tsvector('simple', words) @@ to_tsquery('simple', $1))
    and ($2::text is null or starts_with(place, $2))
order by ready_at desc, id
limit $3 offset $4;

-- name: public_count
select count(*) from trip_plans
where visibility = 'public' and status = 'ready'
    and ($1::text is null or to_tsvector('simple', words) @@ to_tsquery('simple', $1))
    and ($2::text is null or starts_with(place, $2));

-- name: set_visibility
update trip_plans set visibility = $2, share_token = $3, updated_at = $4 where id = $1 returning *;

-- name: delete_plan
delete from trip_plans where id = $1 returning id;

-- name: stats
-- For a traveller: row-level security leaves only their own.
select count(*) as plans,
       count(*) filter (where status = 'ready') as ready,
       count(*) filter (where status = 'making') as making,
       count(*) filter (where status = 'failed') as failed,
       count(*) filter (where visibility = 'public') as public,
       count(*) filter (where visibility = 'link') as shared,
       coalesce(sum(ends_on - starts_on + 1) filter (where status = 'ready'), 0)::bigint as days,
       max(ready_at) as last_ready_at
from trip_plans;

-- name: top_destinations
select max(destination) as destination, count(*) as plans from trip_plans where status = 'ready'
group by place order by count(*) desc, place limit 5;

-- name: person
select name, email, phone from customers where id = $1;

-- name: stale
-- Nobody is making it, and nobody has come back for it.
select * from trip_plans
where status = 'making' and (lease is null or lease_until <= $1) and updated_at <= $2
  and not exists (
    select from row_failures f where f.sweep = 'plans.abandon' and f.row_id = trip_plans.id::text and f.retry_at > $1)
order by updated_at limit 100;

-- name: sweep_events
delete from plan_events e using trip_plans p
where p.id = e.plan_id and p.status <> 'making' and p.updated_at <= $1 and e.at <= $1;
