-- What the supplier asked for when the booking was made: a change of its contact is checked against it.
alter table supplier_orders add column requirements jsonb;
-- The airline references that a message states: those that come later are told in another.
alter table messages add column airline_references text[];
