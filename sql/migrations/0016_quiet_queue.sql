-- Transactions that NOTIFY commit one after the other, each with its own flush to the disk. Where many small ones arrive
-- together, as webhooks do, that is most of the time; so they set `hub.quiet` and ring once for all, afterwards.
create or replace trigger tg_pgqueuer_changed
after insert or update or delete or truncate on pgqueuer
for each statement
when (current_setting('hub.quiet', true) is distinct from 'on')
execute function fn_pgqueuer_changed();
