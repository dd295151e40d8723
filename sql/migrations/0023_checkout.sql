-- Payments on a page of the provider's, and credit notes whose refund has failed after all.

-- How it is paid: null is an intent that the frontend confirms itself. The intent of a page is known once it is paid.
alter table payments add column page text check (page in ('session', 'link'));

create table payment_pages (
    payment_id uuid primary key references payments,
    page_id text unique,
    url text,
    expires_at timestamptz,
    success_url text not null,
    cancel_url text not null,
    created_at timestamptz not null
);
alter table payment_pages enable row level security;

-- A reversal takes back a credit note, wholly or in part: the money did not arrive. It has a series of its own.
alter table invoice_series drop constraint invoice_series_kind_check;
alter table invoice_series add constraint invoice_series_kind_check
    check (kind in ('invoice', 'credit_note', 'reversal'));
alter table invoices drop constraint invoices_kind_check;
alter table invoices add constraint invoices_kind_check check (kind in ('invoice', 'credit_note', 'reversal'));
-- `refunded` is the sum of all papers of this kind of the payment up to and with this one, so each step is there once.
drop index invoices_refund;
create unique index invoices_refund on invoices (payment_id, kind, refunded) where kind <> 'invoice';
