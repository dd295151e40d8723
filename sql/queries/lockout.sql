-- name: count
-- One more failure for each subject ($1 scopes, $2 subjects) that does not have to wait; those come back. $3 failures
-- are free, then the wait in seconds is $4, doubled with each further one up to $5. $6 is now; what is older than $7 is
-- forgotten.
insert into sign_in_failures as f (scope, subject, failures, last_at)
select one.scope, one.subject, 1, $6 from unnest($1::text[], $2::bytea[]) one (scope, subject)
on conflict (scope, subject) do update set
    failures = case when f.last_at < $7 then 1 else f.failures + 1 end,
    last_at = greatest(f.last_at, $6)
where (
    select f.failures < one.free
        or f.last_at + make_interval(secs => least($5::float8, $4::float8 * 2 ^ least(f.failures - one.free, 20))) <= $6
    from unnest($1::text[], $3::int[]) one (scope, free) where one.scope = f.scope
)
returning scope;

-- name: wait
-- Seconds until the last of the subjects may try again; the rule is that of `count`.
select max(extract(epoch from
    f.last_at + make_interval(secs => least($5::float8, $4::float8 * 2 ^ greatest(0, least(f.failures - one.free, 20))))
    - $6::timestamptz
))
from unnest($1::text[], $2::bytea[], $3::int[]) one (scope, subject, free)
join sign_in_failures f using (scope, subject);

-- name: forgive
delete from sign_in_failures where scope = $1 and subject = $2;

-- name: take_back
update sign_in_failures set failures = greatest(0, failures - 1) where scope = $1 and subject = $2;

-- name: forget
delete from sign_in_failures where last_at < $1;
