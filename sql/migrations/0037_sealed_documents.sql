-- Passports and identity cards are sealed at rest, with the hub's secret key; see hub/bookings/travel_documents.py.
-- The plain columns are emptied by a schedule of the hub, which has the key. Nothing writes them any more.
alter table booking_travelers add column document bytea;
create index booking_travelers_unsealed on booking_travelers (booking_id)
    where document_number is not null or document_expires_on is not null;
