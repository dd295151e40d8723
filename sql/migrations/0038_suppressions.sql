-- Addresses that get no more messages, each with the cause: what it blocks and who may lift it depend on that.
update suppressions set reason = case reason when 'complained' then 'complaint' else 'bounce' end;
alter table suppressions
    drop constraint suppressions_pkey,
    add column id uuid not null default gen_random_uuid(),
    -- The provider's own code for it.
    add column detail text,
    add constraint suppressions_pkey primary key (id),
    add constraint suppressions_cause_key unique (channel, address, reason),
    add constraint suppressions_reason_check check (reason in ('bounce', 'complaint', 'opt_out', 'manual'));
