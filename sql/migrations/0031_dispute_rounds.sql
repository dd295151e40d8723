-- Disputes follow the provider's latest state: an inquiry may become a chargeback, and what was decided be decided anew.
alter table disputes drop constraint disputes_status_check;
alter table disputes add constraint disputes_status_check check (status in ('inquiry', 'open', 'won', 'lost'));
-- `amount` is in the currency of the dispute, `booked` in that of the payment: what the bank has of it at present.
-- `seen_at`: when the provider was asked, so that an older answer does not take the place of a newer one.
alter table disputes add column booked bigint not null default 0 check (booked >= 0), add column seen_at timestamptz;
update disputes set booked = amount where status in ('open', 'lost');

alter table transactions drop constraint transactions_kind_check;
alter table transactions add constraint transactions_kind_check check (kind in (
    'authorise', 'release', 'capture', 'refund', 'refund_failed', 'dispute', 'dispute_won', 'dispute_lost',
    'dispute_reopened', 'fee', 'write_off'
));
