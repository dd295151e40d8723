-- A webhook event whose job is held has failed, until somebody replays it, retries the job, or the provider sends it anew.
alter table webhook_events drop constraint webhook_events_status_check;
alter table webhook_events add constraint webhook_events_status_check
    check (status in ('received', 'processed', 'ignored', 'failed'));

-- A held job is found by its key.
create index pgqueuer_held_key on pgqueuer ((headers ->> 'key')) where status = 'failed';
