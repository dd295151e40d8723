-- What language models cost: reserved at its worst before the question goes out, settled when the answer is there.

-- All amounts in micro-units (millionths of the major unit). `user_id` is a traveller or one of the operator's people.
create table ai_spending (
    id uuid primary key,
    at timestamptz not null,
    day date not null,
    user_id uuid,
    plan_id uuid,
    purpose text not null,
    status text not null default 'reserved' check (status in ('reserved', 'settled', 'lapsed')),
    reserved bigint not null check (reserved >= 0),
    cost bigint not null default 0 check (cost >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    lapses_at timestamptz not null,
    settled_at timestamptz,
    model text,
    outcome text,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cached_tokens bigint not null default 0,
    estimated boolean not null default false,
    attempts jsonb not null default '[]'
);
create index ai_spending_day on ai_spending (day);
create index ai_spending_user on ai_spending (user_id, at desc) where user_id is not null;
create index ai_spending_plan on ai_spending (plan_id) where plan_id is not null;
create index ai_spending_open on ai_spending (lapses_at) where status = 'reserved';

-- A user's and everybody's are of a day (UTC), a plan's is of its whole life and has the day 1970-01-01. The subject of
-- `global` is the UUID of zeros.
create table ai_budgets (
    scope text not null check (scope in ('user', 'plan', 'global')),
    subject uuid not null,
    day date not null,
    reserved bigint not null default 0 check (reserved >= 0),
    spent bigint not null default 0 check (spent >= 0),
    primary key (scope, subject, day)
);

create function ai_scopes(user_id uuid, plan_id uuid, day date)
    returns table (n int, scope text, subject uuid, day date)
    language sql immutable
    set search_path = pg_catalog, public, pg_temp
    as $$
    -- The order in which rows are locked, by everybody: nobody waits in a circle.
    select * from (values
        (1, 'user', user_id, day),
        (2, 'plan', plan_id, date '1970-01-01'),
        (3, 'global', uuid '00000000-0000-0000-0000-000000000000', day)
    ) as every (n, scope, subject, day)
    where every.subject is not null
    order by every.n
$$;

-- Takes `amount` out of every budget that it concerns, or out of none: then the scope that is used up comes back.
create function ai_reserve(
    spending uuid, at timestamptz, user_id uuid, plan_id uuid, purpose text, amount bigint, currency text,
    lapses_at timestamptz, user_limit bigint, plan_limit bigint, global_limit bigint
) returns text
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
    as $$
declare
    today date := (at at time zone 'UTC')::date;
    one record;
begin
    -- A server that crashes may forget the reservations of its last half second; each question need not wait for a disk.
    perform set_config('synchronous_commit', 'off', true);
    begin
        for one in select * from public.ai_scopes(ai_reserve.user_id, ai_reserve.plan_id, today) loop
            insert into public.ai_budgets as b (scope, subject, day, reserved)
            values (one.scope, one.subject, one.day, amount)
            on conflict (scope, subject, day) do update set reserved = b.reserved + excluded.reserved;
            if exists (
                select from public.ai_budgets b
                where b.scope = one.scope and b.subject = one.subject and b.day = one.day
                  and b.reserved + b.spent > (array[user_limit, plan_limit, global_limit])[one.n]
            ) then
                raise exception using errcode = 'AI001', message = one.scope;
            end if;
        end loop;
    exception when sqlstate 'AI001' then
        return sqlerrm;
    end;
    insert into public.ai_spending (id, at, day, user_id, plan_id, purpose, reserved, currency, lapses_at)
    values (spending, at, today, ai_reserve.user_id, ai_reserve.plan_id, purpose, amount, currency, lapses_at);
    return null;
end
$$;

-- Gives the reservation back and enters the cost; null when there is nothing to settle. What has lapsed at its worst
-- is put right when its true cost comes late.
create function ai_settle(
    spending uuid, at timestamptz, new_status text, cost bigint, model text, outcome text,
    input_tokens bigint, output_tokens bigint, cached_tokens bigint, estimated boolean, attempts jsonb
) returns uuid
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
    as $$
declare
    held public.ai_spending;
    one record;
begin
    perform set_config('synchronous_commit', 'off', true);
    select * into held from public.ai_spending s
    where s.id = spending and (s.status = 'reserved' or (s.status = 'lapsed' and new_status = 'settled'))
    for update;
    if not found then
        return null;
    end if;
    for one in select * from public.ai_scopes(held.user_id, held.plan_id, held.day) loop
        update public.ai_budgets b
        set reserved = b.reserved - case held.status when 'reserved' then held.reserved else 0 end,
            spent = b.spent - held.cost + ai_settle.cost
        where b.scope = one.scope and b.subject = one.subject and b.day = one.day;
    end loop;
    update public.ai_spending s
    set status = new_status, settled_at = ai_settle.at, cost = ai_settle.cost, model = ai_settle.model,
        outcome = ai_settle.outcome, input_tokens = ai_settle.input_tokens, output_tokens = ai_settle.output_tokens,
        cached_tokens = ai_settle.cached_tokens, estimated = ai_settle.estimated, attempts = ai_settle.attempts
    where s.id = spending;
    return spending;
end
$$;
revoke all on function ai_scopes(uuid, uuid, date) from public;
revoke all on function ai_reserve(
    uuid, timestamptz, uuid, uuid, text, bigint, text, timestamptz, bigint, bigint, bigint
) from public;
revoke all on function ai_settle(
    uuid, timestamptz, text, bigint, text, text, bigint, bigint, bigint, boolean, jsonb
) from public;

-- Travellers see none of it.
alter table ai_spending enable row level security;
alter table ai_budgets enable row level security;
