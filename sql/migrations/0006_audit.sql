-- Who did what to what, when: every state change and every act of a person.
create table audit_logs (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    action text not null,
    customer_id uuid,
    booking_id uuid,
    request_id text,
    ip text,
    user_agent text,
    data jsonb not null default '{}'
);
create index audit_logs_booking on audit_logs (booking_id, id) where booking_id is not null;
create index audit_logs_customer on audit_logs (customer_id, id) where customer_id is not null;

alter table audit_logs enable row level security;
grant select on audit_logs to authenticated;
create policy own_audit_logs on audit_logs for select to authenticated using (customer_id = auth.uid());
