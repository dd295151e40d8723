-- name: insert_search
insert into flight_searches (id, query, offers, created_at, expires_at) values ($1, $2, $3, $4, $5);

-- name: offer
select query, offers -> $2::int as offer from flight_searches where id = $1;

-- name: requirements
-- Of the offer with that number in the search; null before it has been checked.
select requirements -> $2::text from flight_searches where id = $1;

-- name: keep_requirements
update flight_searches set requirements = requirements || jsonb_build_object($2::text, $3::jsonb) where id = $1;

-- name: sweep
delete from flight_searches where expires_at < $1;
