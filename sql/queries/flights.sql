-- name: insert_search
insert into flight_searches (id, query, offers, created_at, expires_at) values ($1, $2, $3, $4, $5);

-- name: offer
select query, offers -> $2::int as offer from flight_searches where id = $1;

-- name: sweep
delete from flight_searches where expires_at < $1;
