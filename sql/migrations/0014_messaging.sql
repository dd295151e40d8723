-- What was said to whom: one row per fact and channel, however often its job runs.
create table messages (
    id uuid primary key,
    fact text not null unique,
    customer_id uuid references customers,
    booking_id uuid references bookings,
    payment_id uuid references payments,
    channel text not null check (channel in ('email', 'sms', 'whatsapp')),
    template text not null,
    recipient text not null,
    status text not null default 'queued' check (status in (
        'queued', 'sending', 'sent', 'delivered', 'bounced', 'complained', 'failed', 'suppressed'
    )),
    provider text,
    provider_message_id text,
    error text,
    created_at timestamptz not null,
    sent_at timestamptz,
    updated_at timestamptz not null
);
create unique index messages_provider on messages (provider, provider_message_id) where provider_message_id is not null;
create index messages_booking on messages (booking_id) where booking_id is not null;
create index messages_waiting on messages (updated_at) where status in ('queued', 'sending');

-- Every report of a provider, also those that come late or twice.
create table message_reports (
    message_id uuid not null references messages on delete cascade,
    status text not null,
    detail text,
    at timestamptz not null,
    primary key (message_id, status)
);

-- Addresses that have bounced or complained; nothing more goes there until somebody lifts it.
create table suppressions (
    channel text not null,
    address text not null,
    reason text not null,
    created_at timestamptz not null,
    primary key (channel, address)
);

alter table messages enable row level security;
alter table message_reports enable row level security;
alter table suppressions enable row level security;
grant select on messages to authenticated;
create policy own_messages on messages for select to authenticated using (customer_id = auth.uid());
