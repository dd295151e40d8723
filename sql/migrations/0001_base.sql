-- The roles and the little of Supabase's `auth` schema that row-level security leans on.
-- On Supabase all of it exists already, and is left as it is.
do $$
declare
    wanted text;
    -- Since PostgreSQL 16 one can be a member of a role without the right to put it on.
    needed text := case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end;
begin
    foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
        begin
            execute format('create role %I nologin noinherit', wanted);
        exception
            when duplicate_object or unique_violation then null;  -- Supabase, or another database of this cluster
        end;
        if not pg_has_role(current_user, wanted, needed) then
            execute format('grant %I to %I', wanted, current_user);
        end if;
    end loop;
end
$$;

do $$
begin
    if to_regnamespace('auth') is null then
        create schema auth;
        grant usage on schema auth to anon, authenticated, service_role;
    end if;
    if to_regprocedure('auth.uid()') is null then
        create function auth.uid() returns uuid
            language sql stable
            as $body$
                select nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid
            $body$;
    end if;
end
$$;

-- Tables are granted one by one, with their policies; what a later table forgets to say is not readable.
-- Supabase grants everything on new tables to these roles, and serves the schema over HTTP.
grant usage on schema public to anon, authenticated;
alter default privileges in schema public revoke all on tables from public, anon, authenticated;
alter default privileges in schema public revoke all on sequences from public, anon, authenticated;
alter default privileges in schema public revoke all on functions from public, anon, authenticated;
revoke all on schema_migrations from public, anon, authenticated;
