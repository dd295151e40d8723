-- When a captured payment was last compared with its provider, where the provider's account cannot be listed.
alter table payments add column checked_at timestamptz;
create index payments_unchecked on payments (provider, checked_at nulls first) where captured > 0;
