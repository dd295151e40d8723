-- What travellers put beside their plans: tickets, vouchers, pictures. The files themselves are in a store of files.
create table plan_attachments (
    id uuid primary key,
    plan_id uuid not null references trip_plans on delete cascade,
    name text not null check (length(name) between 1 and 120),
    content_type text not null check (content_type in ('image/jpeg', 'image/png', 'image/webp', 'application/pdf')),
    size bigint not null check (size > 0),
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    key text not null unique,
    width integer check (width > 0),
    height integer check (height > 0),
    pages integer check (pages > 0),
    created_at timestamptz not null,
    unique (plan_id, sha256)
);
create index plan_attachments_plan on plan_attachments (plan_id, created_at, id);

-- Files that belong to nobody: on their way in (until `due`, when their upload has died), or on their way out.
create table discarded_files (
    key text primary key,
    due timestamptz not null
);
create index discarded_files_due on discarded_files (due);

-- Whatever removes a row (its owner, the end of its plan, the end of the account), its file follows.
create function discard_file() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
    as $$
begin
    insert into discarded_files (key, due) values (old.key, old.created_at) on conflict (key) do nothing;
    return null;
end
$$;
revoke all on function discard_file() from public;
create trigger plan_attachments_gone after delete on plan_attachments for each row execute function discard_file();

alter table plan_attachments enable row level security;
alter table discarded_files enable row level security;
grant select on plan_attachments to authenticated;
create policy own_plan_attachments on plan_attachments for select to authenticated
    using (exists (select 1 from trip_plans p where p.id = plan_id and p.customer_id = auth.uid()));
