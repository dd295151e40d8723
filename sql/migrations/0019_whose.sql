-- Export, erasure and row-level security ask whose a row is.
create index messages_customer on messages (customer_id);
create index payments_customer on payments (customer_id);
create index payments_booking on payments (booking_id);
create index sessions_device on sessions (device_id) where device_id is not null;
create index customers_erased on customers (erased_at) where erased_at is not null;
