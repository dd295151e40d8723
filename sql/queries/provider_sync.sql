-- name: keep
-- Who has been erased stays erased. An address that another customer has is left to them.
insert into customers (id, email, name, phone, created_at, verified_at)
select $1, $2, $3, $4, $5, case when $6 then $5::timestamptz end
where not exists (select 1 from customers c where lower(c.email) = lower($2) and c.id <> $1)
on conflict (id) do update set
    email = excluded.email,
    verified_at = coalesce(customers.verified_at, excluded.verified_at),
    updated_at = $5
where customers.erased_at is null and (
    customers.email <> excluded.email or (customers.verified_at is null and excluded.verified_at is not null)
)
returning true;

-- name: exists
select true from customers where id = $1 and erased_at is null;

-- name: wipe
update webhook_events set payload = payload #- '{email_data,token_hash}', raw = '' where id = $1;
