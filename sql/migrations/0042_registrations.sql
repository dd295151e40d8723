-- The registration that an unconfirmed address waits for. There is one, the latest; its password and name come into
-- force when the address is confirmed. `disputed`: the address was also entered with another password, or a link was
-- asked for from elsewhere, so that whoever opens the link has to choose the password.
create table registrations (
    customer_id uuid primary key references customers on delete cascade,
    password_hash text not null,
    name text not null,
    phone text,
    secret_hash bytea not null,
    disputed boolean not null,
    created_at timestamptz not null
);
comment on column registrations.secret_hash is 'of the secret that the registering device holds';
alter table registrations enable row level security;

insert into registrations (customer_id, password_hash, name, phone, secret_hash, disputed, created_at)
select c.id, p.password_hash, c.name, c.phone, '', (
    select count(*) > 1 from one_time_tokens t
    where t.customer_id = c.id and t.purpose = 'verify' and t.used_at is null
), c.created_at
from customers c join credentials p on p.customer_id = c.id
where c.verified_at is null and c.erased_at is null
    and not exists (select from sessions s where s.customer_id = c.id);
comment on column one_time_tokens.password_hash is 'not used any more';

-- How many messages may still go to one mailbox: the theoretical arrival time of GCRA. `mailbox` is a keyed hash.
create table mail_limits (
    mailbox bytea not null,
    kind text not null,
    due timestamptz not null,
    primary key (mailbox, kind)
);
create index mail_limits_due on mail_limits (due);
alter table mail_limits enable row level security;
