-- An id of a provider's holds for one account in one mode (test, live): 'acct_1ABC/test'. Null: from before this was kept.
alter table customers add column payment_account text;
-- How often the provider did not know the customer any more; part of the idempotency keys that create the next one.
alter table customers add column payment_customer_losses integer not null default 0;
alter table payments add column account text;

-- Two providers, or two accounts, may give the same id.
alter table payments drop constraint payments_intent_id_key;
create unique index payments_intent on payments (intent_id, provider, coalesce(account, ''));
alter table refunds drop constraint refunds_provider_refund_id_key;
create unique index refunds_provider_refund on refunds (provider_refund_id, payment_id);
