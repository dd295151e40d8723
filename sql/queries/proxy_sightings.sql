-- name: record
insert into proxy_sightings (seen_at) values ($1) on conflict (id) do update set seen_at = excluded.seen_at;

-- name: last
select seen_at from proxy_sightings;
