-- An order holds for one account in one mode (test, live) of its supplier. Null: from before this was kept.
alter table supplier_orders add column account text;

-- Two accounts may give the same number.
drop index supplier_orders_order;
create unique index supplier_orders_order on supplier_orders (supplier, order_id, coalesce(account, '')) where order_id is not null;
