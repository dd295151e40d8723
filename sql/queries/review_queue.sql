-- name: open
insert into attention (id, kind, booking_id, payment_id, detail, since, subject) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (kind, coalesce(subject, booking_id::text, payment_id::text)) where resolved_at is null do nothing
returning id;

-- name: settle
update attention set resolved_at = $3, resolved_by = $4, note = $5
where kind = $1 and coalesce(booking_id, payment_id) = $2 and resolved_at is null;

-- name: settle_recovered_rows
-- Review items of rows that are not in `row_failures` any more.
update attention a set resolved_at = $2, resolved_by = 'system', note = $3
where a.kind = $1 and a.resolved_at is null
  and not exists (select from row_failures f where f.sweep || ':' || f.row_id = a.subject);

-- name: forget_failures
delete from row_failures where sweep || ':' || row_id = $1;

-- name: resolve
update attention set resolved_at = $2, resolved_by = $3, note = $4 where id = $1 and resolved_at is null returning *;

-- name: page
select * from attention where not $1 or resolved_at is null order by since, id limit $2 offset $3;

-- name: count
select count(*) from attention where not $1 or resolved_at is null;
