-- The roles and the little of Supabase's `auth` schema that row-level security leans on.
-- On Supabase all of it exists already, and is left as it is.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
        begin
            execute format('create role %I nologin noinherit', wanted);
        exception
            when duplicate_object or unique_violation then null;  -- another database of this cluster made it
        end;
        -- So that the hub can put it on, also where its own role is no superuser.
        if not pg_has_role(current_user, wanted, 'member') then
            execute format('grant %I to %I', wanted, current_user);
        end if;
    end loop;
end
$$;

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;

do $$
begin
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
grant usage on schema public to anon, authenticated;
alter default privileges in schema public revoke all on tables from public, anon, authenticated;
alter default privileges in schema public revoke all on sequences from public, anon, authenticated;
