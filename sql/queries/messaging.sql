-- name: insert_message
-- A fact is told once: nothing comes back when it has been written down before.
insert into messages (
    id, fact, customer_id, booking_id, payment_id, channel, template, recipient, created_at, updated_at, amount
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
on conflict (fact) do nothing
returning id;

-- name: insert_letter
-- About the account itself: its one channel is e-mail.
insert into messages (
    id, fact, customer_id, token_id, session_id, channel, template, recipient, created_at, updated_at
)
values ($1, $2, $3, $4, $5, 'email', $6, $7, $8, $8)
on conflict (fact) do nothing
returning id;

-- name: insert_plan_letter
-- For an address that its owner has confirmed: to others no text of a stranger's goes out.
insert into messages (id, fact, customer_id, plan_id, channel, template, recipient, created_at, updated_at)
select $1, $2, c.id, p.id, 'email', 'plan_ready', c.email, $4, $4
from trip_plans p join customers c on c.id = p.customer_id
where p.id = $3 and p.status = 'ready' and c.verified_at is not null and c.erased_at is null
on conflict (fact) do nothing
returning id;

-- name: plan_about
-- The plan as it is now, with its owner.
select p.id, p.visibility, p.share_token, p.version, v.document, c.name
from trip_plans p
join plan_versions v on v.plan_id = p.id and v.version = p.version
join customers c on c.id = p.customer_id
where p.id = $1 and p.status = 'ready' and c.erased_at is null;

-- name: letter_about
-- The owner of an account with the link and the sign-in that a letter speaks of, when they are this owner's.
select
    c.name, c.email, c.verified_at, c.erased_at,
    t.id as token_id, t.sealed, t.created_at as token_at, t.expires_at, t.used_at,
    s.id as session_id, s.ip, s.user_agent, s.created_at as session_at
from customers c
left join one_time_tokens t on t.id = $2 and t.customer_id = c.id
left join sessions s on s.id = $3 and s.customer_id = c.id
where c.id = $1;

-- name: is_confirmed
-- Whether somebody has confirmed that the address is theirs.
select exists (
    select 1 from customers where lower(email) = lower($1) and verified_at is not null and erased_at is null
);

-- name: is_paid
select exists (select 1 from payments where booking_id = $1 and captured > 0);

-- name: lock
select * from messages where id = $1 for update;

-- name: by_provider_id
select id from messages where provider = $1 and provider_message_id = $2;

-- name: set_status
update messages set
    status = $2,
    provider = coalesce($3, provider),
    provider_message_id = coalesce($4, provider_message_id),
    error = $5,
    sent_at = case when $2 = 'sent' then coalesce(sent_at, $6) else sent_at end,
    rendered = case when $2 = 'sending' then rendered end,
    updated_at = $6
where id = $1;

-- name: set_rendered
update messages set rendered = $2, airline_references = $3 where id = $1;

-- name: lock_stated_references
-- Of the latest message that a traveler has the airlines' references from. Nobody renders it meanwhile.
select status, airline_references from messages
where booking_id = $1 and channel = 'email' and template in ('booking_confirmation', 'booking_references')
order by created_at desc, id desc limit 1
for update;

-- name: insert_report
insert into message_reports (message_id, status, detail, at) values ($1, $2, $3, $4) on conflict do nothing;

-- name: suppress
insert into suppressions (channel, address, reason, detail, created_at) values ($1, lower($2), $3, $4, $5)
on conflict do nothing;

-- name: suppression_causes
select coalesce(array_agg(reason order by created_at), '{}') from suppressions where channel = $1 and address = lower($2);

-- name: list_suppressions
select *, count(*) over () as total from suppressions
where ($1::text is null or channel = $1) and ($2::text is null or position(lower($2) in address) > 0)
order by created_at desc, id limit $3 offset $4;

-- name: count_suppressions
select count(*) from suppressions
where ($1::text is null or channel = $1) and ($2::text is null or position(lower($2) in address) > 0);

-- name: lock_suppression
select * from suppressions where id = $1 for update;

-- name: lift_suppression
delete from suppressions where id = $1;

-- name: waiting
select m.id, m.fact from messages m where m.status in ('queued', 'sending') and m.updated_at <= $1
  and not exists (
    select from pgqueuer j where j.headers ->> 'key' = m.fact
        and (j.status in ('queued', 'picked') or j.updated > clock_timestamp() - interval '5 minutes'))
order by m.updated_at limit 100;
