-- name: open
insert into attention (id, kind, booking_id, payment_id, detail, since) values ($1, $2, $3, $4, $5, $6)
on conflict (kind, coalesce(booking_id, payment_id)) where resolved_at is null do nothing
returning id;

-- name: settle
update attention set resolved_at = $3, resolved_by = $4, note = $5
where kind = $1 and coalesce(booking_id, payment_id) = $2 and resolved_at is null;

-- name: resolve
update attention set resolved_at = $2, resolved_by = $3, note = $4 where id = $1 and resolved_at is null returning *;

-- name: page
select * from attention where not $1 or resolved_at is null order by since, id limit $2 offset $3;

-- name: count
select count(*) from attention where not $1 or resolved_at is null;
