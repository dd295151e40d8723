-- A session that ends is announced to every process of the hub, which then forgets that it stood.
create function announce_session_end() returns trigger language plpgsql set search_path = '' as $$
begin
    perform pg_catalog.pg_notify('session_ended', old.id::text);
    return null;
end
$$;
revoke all on function announce_session_end() from public;

create trigger session_ended after update of ended_at on sessions
for each row when (old.ended_at is null and new.ended_at is not null) execute function announce_session_end();
create trigger session_deleted after delete on sessions
for each row when (old.ended_at is null) execute function announce_session_end();

-- Sessions of a remote identity provider can begin without the hub. Those that began before this moment have ended,
-- also where the hub has not seen them yet.
alter table customers add column sessions_ended_at timestamptz;

-- All sessions of a customer but one, which may be null. The customer's row is written first: whoever records a new
-- session holds it, and so comes either before both statements or after them.
create function end_sessions(customer uuid, at timestamptz, because text, except_session uuid)
returns setof uuid language plpgsql set search_path = '' as $$
begin
    update public.customers set sessions_ended_at = at where id = customer;
    return query
        update public.sessions set ended_at = at, ended_because = because
        where customer_id = customer and ended_at is null and id is distinct from except_session
        returning id;
end
$$;
revoke all on function end_sessions(uuid, timestamptz, text, uuid) from public;

-- A spent refresh token keeps the token that replaced it, sealed, for the seconds in which the answer may have been lost.
alter table refresh_tokens add column successor bytea;
create index refresh_tokens_successor on refresh_tokens (used_at) where successor is not null;
