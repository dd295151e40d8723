-- What a message about one refund states, in minor units of the payment's currency.
alter table messages add column amount bigint check (amount > 0);
