-- name: me
-- No WHERE: row-level security shows a traveller one row, their own.
select id, email, name, phone, created_at, payment_customer_id from customers;

-- name: find
select id, email, name, phone, created_at, payment_customer_id from customers where id = $1;

-- name: set_payment_customer
-- The first writer wins; everybody gets what is kept.
update customers set payment_customer_id = coalesce(payment_customer_id, $2) where id = $1
returning payment_customer_id;
