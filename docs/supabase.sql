-- Run this in a Supabase project whose people are changed or deleted without the hub, so that the hub hears of it.
-- Supabase's own database webhooks are not signed; these are, as Standard Webhooks, with the secret of the send-email hook.
-- They are sent once: what gets lost is caught up with by the person's next token, a deletion by the next look at a session.

-- First, once:
--   create extension if not exists pg_net;
--   select vault.create_secret('v1,whsec_...', 'travel_hub_webhook');
--   select vault.create_secret('https://hub.example.com/webhooks/supabase', 'travel_hub_url');

create schema if not exists travel_hub;
revoke all on schema travel_hub from public;

create or replace function travel_hub.told(person auth.users) returns jsonb
language sql stable set search_path = '' as $$
    -- No password hash, and no token.
    select jsonb_build_object(
        'id', person.id, 'email', person.email, 'phone', person.phone,
        'email_confirmed_at', person.email_confirmed_at, 'deleted_at', person.deleted_at,
        'raw_user_meta_data', person.raw_user_meta_data
    )
$$;

create or replace function travel_hub.tell() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    event_id text := gen_random_uuid();
    sent_at text := extract(epoch from clock_timestamp())::bigint;
    body jsonb := jsonb_build_object('type', tg_op, 'schema', tg_table_schema, 'table', tg_table_name);
    hub text;
    secret text;
    signature bytea;
begin
    if tg_op <> 'DELETE' then body := body || jsonb_build_object('record', travel_hub.told(new)); end if;
    if tg_op <> 'INSERT' then body := body || jsonb_build_object('old_record', travel_hub.told(old)); end if;
    select decrypted_secret into strict hub from vault.decrypted_secrets where name = 'travel_hub_url';
    select decrypted_secret into strict secret from vault.decrypted_secrets where name = 'travel_hub_webhook';
    signature := extensions.hmac(
        convert_to(event_id || '.' || sent_at || '.' || body::text, 'UTF8'),
        decode(regexp_replace(secret, '^(v1,)?whsec_', ''), 'base64'),
        'sha256'
    );
    perform net.http_post(
        url := hub,
        body := body,
        headers := jsonb_build_object(
            'Content-Type', 'application/json', 'webhook-id', event_id, 'webhook-timestamp', sent_at,
            'webhook-signature', 'v1,' || encode(signature, 'base64')
        ),
        timeout_milliseconds := 5000
    );
    return null;
exception when others then
    raise warning 'the hub is not told: %', sqlerrm;  -- nobody is kept from signing up by that
    return null;
end
$$;

-- A sign-in changes the row as well; these columns are all that the hub keeps.
create or replace trigger tell_the_hub
after insert or delete or update of email, phone, email_confirmed_at, deleted_at, raw_user_meta_data on auth.users
for each row execute function travel_hub.tell();
