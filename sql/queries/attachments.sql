-- name: own_plan
-- Row-level security shows a traveller their own plans.
select id from trip_plans where id = $1;

-- name: open_plan
-- For whoever has the plan's link. A plan that is public shows nobody else the tickets beside it.
select id from trip_plans where id = $1 and status = 'ready' and visibility <> 'private' and share_token = $2;

-- name: hold_plan
-- One writer at a time: who counts, counts what the others have put there.
select id from trip_plans where id = $1 for no key update;

-- name: list
select * from plan_attachments where plan_id = $1 order by created_at, id;

-- name: count
select count(*) from plan_attachments where plan_id = $1;

-- name: find
select * from plan_attachments where plan_id = $1 and id = $2;

-- name: same
select * from plan_attachments where plan_id = $1 and sha256 = $2;

-- name: reserve_file
insert into discarded_files (key, due) values ($1, $2);

-- name: claim_file
delete from discarded_files where key = $1 returning key;

-- name: insert
insert into plan_attachments
    (id, plan_id, name, content_type, size, sha256, key, width, height, pages, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
returning *;

-- name: delete
delete from plan_attachments where plan_id = $1 and id = $2 returning id;

-- name: due_files
select key from discarded_files where due <= $1 order by due limit $2;

-- name: put_off
update discarded_files set due = $2 where key = $1;

-- name: forget_file
delete from discarded_files where key = $1 and due <= $2;
