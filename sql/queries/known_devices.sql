-- name: known
select id from devices where customer_id = $1 and hash = $2;

-- name: see
update devices set ip = $3, user_agent = $4, last_seen_at = $5 where customer_id = $1 and hash = $2 returning id;

-- name: insert
insert into devices (id, customer_id, hash, ip, user_agent, created_at, last_seen_at) values ($1, $2, $3, $4, $5, $6, $6);

-- name: prune
-- All but the $2 that were seen last. $3 is the one that is here now, whatever the clocks of other processes say.
delete from devices where id in (
    select id from devices where customer_id = $1 order by id = $3 desc, last_seen_at desc, id desc offset $2
);

-- name: count
select count(*) from devices where customer_id = $1;
