-- name: take
-- One message more to the mailbox $1, of the kind $2, at $3. $4 is the time between two on the long run, $5 the time
-- that may be used in advance. Nothing comes back when that is used up.
insert into mail_limits as m (mailbox, kind, due) values ($1, $2, $3::timestamptz + $4::interval)
on conflict (mailbox, kind) do update set due = greatest(m.due, $3) + $4
where greatest(m.due, $3) + $4 <= $3 + $5::interval
returning true;

-- name: forget
delete from mail_limits where due < $1;
