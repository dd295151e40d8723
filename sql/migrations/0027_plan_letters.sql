-- The letter that a plan is ready.
alter table messages add column plan_id uuid references trip_plans on delete set null;
create index messages_plan on messages (plan_id) where plan_id is not null;
