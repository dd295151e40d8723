-- name: export_customers
-- The exports run as the traveller: row-level security leaves only their own, so no query names an owner.
select id, email, name, phone, created_at, updated_at, verified_at, sessions_ended_at, payment_customer_id as payment_provider_id
from customers where erased_at is null;

-- name: export_sessions
select id, created_at, last_seen_at, expires_at, ended_at, ended_because, ip, user_agent, device_id, second_factor
from sessions order by created_at, id;

-- name: export_devices
select id, created_at, last_seen_at, ip, user_agent from devices order by created_at, id;

-- name: export_addresses
select id, kind, name, line1, line2, city, region, postcode, country, phone, is_default, created_at, updated_at
from addresses order by created_at, id;

-- name: export_preferences
select language, currency, cabin, home_airport, seat, meal, newsletter, marketing_sms, extra, updated_at
from preferences;

-- name: export_loyalty_entries
select id, booking_id, payment_id, points, minor_per_point, reason, at from loyalty_entries order by id;

-- name: export_customer_stats
select points, bookings_paid, bookings_refunded, last_paid_at from customer_stats;

-- name: export_customer_spend
select jsonb_build_object('amount', paid, 'currency', currency) as paid,
       jsonb_build_object('amount', refunded, 'currency', currency) as refunded
from customer_spend order by currency;

-- name: export_bookings
select id, reference, status, failure, last_failure, payment_status,
       jsonb_build_object('amount', amount, 'currency', currency) as total,
       itinerary, contact_email, contact_phone, notes, supplier, supplier_reference, airline_references,
       baggage, refusal, offer_id, sandbox, created_at, updated_at, expires_at, confirmed_at,
       schedule_changed_at
from bookings order by created_at, id;

-- name: export_booking_travelers
select b.reference as booking_reference, t.booking_id, t.position, t.title, t.gender, t.given_name, t.family_name,
       t.born_on, t.nationality, t.email, t.phone, t.document, t.document_number, t.document_expires_on
from booking_travelers t join bookings b on b.id = t.booking_id
order by b.created_at, b.id, t.position;

-- name: export_payments
select id, booking_id, provider, intent_id as provider_payment_id, status,
       jsonb_build_object('amount', amount, 'currency', currency) as total,
       jsonb_build_object('amount', captured, 'currency', currency) as captured,
       jsonb_build_object('amount', refunded, 'currency', currency) as refunded,
       jsonb_build_object('amount', disputed, 'currency', currency) as disputed,
       page, last_failure, superseded_at, created_at, updated_at
from payments order by created_at, id;

-- name: export_transactions
select id, payment_id, booking_id, kind, jsonb_build_object('amount', amount, 'currency', currency) as total,
       provider, provider_id, at
from transactions order by at, id;

-- name: export_refunds
select id, payment_id, provider_refund_id, status, reason, failure,
       jsonb_build_object('amount', amount, 'currency', currency) as total, created_at, updated_at
from refunds order by created_at, id;

-- name: export_invoices
select id, number, kind, booking_id, payment_id, invoice_id,
       jsonb_build_object('amount', amount, 'currency', currency) as total,
       case when refunded is not null then jsonb_build_object('amount', refunded, 'currency', currency) end as credited,
       document, buyer, sandbox, issued_on, issued_at, keep_until
from invoices order by issued_at, number;

-- name: export_trip_plans
select id, status, visibility, version, title, destination, starts_on, ends_on, request, planner, model, failure, notify,
       cached_at, created_at, updated_at, ready_at
from trip_plans order by created_at, id;

-- name: export_plan_versions
select plan_id, version, document, reason, by, created_at from plan_versions order by plan_id, version;

-- name: export_plan_makings
select id, plan_id, reason, outcome, version, planner, prompt, models, checks, input_tokens, output_tokens, cost,
       currency, started_at, ended_at
from plan_makings order by id;

-- name: export_plan_attachments
-- The files themselves are fetched one by one.
select id, plan_id, name, content_type, size, sha256, width, height, pages, created_at
from plan_attachments order by created_at, id;

-- name: export_messages
select id, booking_id, payment_id, plan_id, session_id, channel, template, recipient, status, error, provider,
       provider_message_id, amount, created_at, sent_at, updated_at
from messages order by created_at, id;

-- name: export_audit_logs
-- Where staff acted, the address and the browser are theirs, and are not told.
select id, at, action,
       case when actor = 'customer:' || customer_id then 'you' when actor like 'staff:%' then 'staff'
            when actor = 'system' and ip is not null then 'visitor' else 'hub' end as by,
       booking_id, request_id, case when actor not like 'staff:%' then ip end as ip,
       case when actor not like 'staff:%' then user_agent end as user_agent, data
from audit_logs order by id;

-- name: activity
-- As above, one page of it, newest first.
select at, action,
       case when actor = 'customer:' || customer_id then 'you' when actor like 'staff:%' then 'staff'
            when actor = 'system' and ip is not null then 'visitor' else 'hub' end as by,
       booking_id, case when actor not like 'staff:%' then ip end as ip,
       case when actor not like 'staff:%' then user_agent end as user_agent, data, count(*) over () as total
from audit_logs order by id desc limit $1 offset $2;

-- name: count_activity
select count(*) from audit_logs;

-- name: lock_customer
-- Nobody can book for this customer until the transaction ends: a booking's foreign key waits for the lock.
select id from customers where id = $1 and erased_at is null for update;

-- name: open_bookings
-- What stands in the way of an erasure. A journey whose end is not on record ends within a year: no airline sells further.
select b.reference from bookings b
where b.customer_id = $1 and (
    b.status in ('pending', 'ordering', 'order_unknown', 'ordered', 'awaiting_consent')
    or (b.status = 'confirmed' and $2 < coalesce(
        (select max((s ->> 'arrives_at')::timestamptz) from jsonb_path_query(b.itinerary, '$.slices[*]') s),
        b.confirmed_at + interval '1 year'))
    or exists (
        select 1 from payments p where p.booking_id = b.id and (
            p.status in ('unpaid', 'requires_action', 'processing', 'unknown', 'authorised')
            or (p.status in ('partially_captured', 'paid', 'partially_refunded') and b.status <> 'confirmed')
            or exists (select 1 from refunds r where r.payment_id = p.id and r.status = 'pending'))))
order by b.created_at, b.id;

-- name: erase_suppressions
-- Looks at addresses that the next statements remove. One that is another account's address too stays.
delete from suppressions s where s.address in (
    select lower(email) from customers where id = $1
    union select phone from customers where id = $1
    union select lower(contact_email) from bookings where customer_id = $1
    union select contact_phone from bookings where customer_id = $1
    union select lower(recipient) from messages where customer_id = $1)
and not exists (select 1 from customers c where c.id <> $1 and lower(c.email) = s.address);

-- name: erase_messages
-- What has not gone out goes to nobody any more.
update messages set
    recipient = 'erased', error = null, rendered = null, status = case when status = 'queued' then 'suppressed' else status end
where customer_id = $1 or booking_id in (select id from bookings where customer_id = $1);

-- name: erase_message_reports
update message_reports set detail = null where detail is not null and message_id in (
    select id from messages
    where customer_id = $1 or booking_id in (select id from bookings where customer_id = $1));

-- name: erase_booking_travelers
update booking_travelers set
    title = '', gender = '', given_name = 'Erased', family_name = 'Erased', born_on = '1900-01-01', nationality = 'XX',
    email = null, phone = null, document = null, document_number = null, document_expires_on = null
where booking_id in (select id from bookings where customer_id = $1);

-- name: erase_attention
-- What staff have written about it may name anybody.
update attention set note = null, detail = '{}'
where booking_id in (select id from bookings where customer_id = $1);

-- name: erase_supplier_orders
update supplier_orders set offer = '{}', query = '{}', placed = null
where booking_id in (select id from bookings where customer_id = $1);

-- name: erase_webhook_events
-- One that still has to be worked on is emptied when it has been.
update webhook_events set payload = '{}', raw = ''
where booking_id in (select id from bookings where customer_id = $1) and status <> 'received';

-- name: erase_idempotency_keys
delete from idempotency_keys where caller = ($1::uuid)::text;

-- name: erase_invoices
-- Test data at once. The law has a real invoice kept as it was issued; `forget_buyers` comes when that has ended.
update invoices set buyer = null
where customer_id = $1 and buyer is not null and (sandbox or keep_until < current_date);

-- name: erase_payment_pages
-- Where they came back to, which a frontend may have put anything into.
update payment_pages g set url = null, success_url = '', cancel_url = '' from payments p
where p.id = g.payment_id and p.customer_id = $1;

-- name: erase_bookings
-- An empty address is one to which nothing is written.
update bookings set
    contact_email = '', contact_phone = null, notes = null, idempotency_key = null, refusal = '[]'
where customer_id = $1;

-- name: erase_trip_plans
-- With their versions, their making, what they stand on and what was put beside them.
delete from trip_plans where customer_id = $1;

-- name: erase_one_time_tokens
delete from one_time_tokens where customer_id = $1;

-- name: erase_recovery_codes
delete from recovery_codes where customer_id = $1;

-- name: erase_second_factors
delete from second_factors where customer_id = $1;

-- name: erase_credentials
delete from credentials where customer_id = $1;

-- name: erase_registrations
delete from registrations where customer_id = $1;

-- name: erase_refresh_tokens
delete from refresh_tokens where session_id in (select id from sessions where customer_id = $1);

-- name: erase_devices
delete from devices where customer_id = $1;

-- name: erase_addresses
delete from addresses where customer_id = $1;

-- name: erase_preferences
delete from preferences where customer_id = $1;

-- name: erase_sessions
update sessions set ip = null, user_agent = null where customer_id = $1;

-- name: erase_audit_logs
-- A member of staff stays named by what they did.
update audit_logs set ip = null, user_agent = null
where (customer_id = $1 or booking_id in (select id from bookings where customer_id = $1)) and actor not like 'staff:%';

-- name: end_sessions
select id from end_sessions($1, $2, 'erased', null) as id;

-- name: erase_customer
update customers set
    email = 'erased-' || id || '@erased.invalid', name = 'Erased', phone = null, verified_at = null,
    updated_at = $2, erased_at = coalesce(erased_at, $2)
where id = $1;

-- name: erased
select id, email, created_at, payment_customer_id from customers where id = $1 and erased_at is not null;

-- name: lock_erased
select id from customers where id = $1 and erased_at is not null for update;

-- name: is_forgotten_by
select exists (
    select 1 from audit_logs where customer_id = $1 and action = 'customer.forgotten' and data ->> 'provider' = $2);

-- name: drop_payment_customer
update customers set payment_customer_id = null where id = $1 and payment_customer_id = $2 returning id;

-- name: not_forgotten
-- Erased here, and still known to the identity provider ($1) or to the payment provider, where there is one ($2).
select c.id from customers c
where c.erased_at is not null and (
    ($2 and c.payment_customer_id is not null)
    or not exists (
        select 1 from audit_logs a
        where a.customer_id = c.id and a.action = 'customer.forgotten' and a.data ->> 'provider' = $1))
  and not exists (
    select from pgqueuer j where j.headers ->> 'key' = 'customer:' || c.id || ':forget'
        and (j.status in ('queued', 'picked') or j.updated > clock_timestamp() - interval '5 minutes'))
order by c.erased_at limit 100;

-- name: marks
-- Everything by which an event can speak of them: ids, of the hub and of the providers.
select array_agg(mark) from (
    select $1::uuid::text as mark
    union select $2::text
    union select id::text from bookings where customer_id = $1
    union select id::text from payments where customer_id = $1
    union select intent_id from payments where customer_id = $1
    union select provider_message_id from messages
        where customer_id = $1 or booking_id in (select id from bookings where customer_id = $1)
) every where mark is not null;

-- name: empty_events
-- One page of the events below $1, newest first: those that hold one of $3, at any depth, lose their contents.
with page as materialized (
    select id, received_at from webhook_events where id < $1 order by id desc limit $2
), emptied as (
    update webhook_events e set payload = '{}', raw = '' from page
    where e.id = page.id and e.status <> 'received' and e.payload <> '{}' and exists (
        select 1 from jsonb_path_query(e.payload, 'strict $.** ? (@.type() == "string")') held
        where held #>> '{}' = any ($3::text[]))
    returning 1
)
select min(id) as last, min(received_at) as oldest, (select count(*) from emptied) as emptied from page;
