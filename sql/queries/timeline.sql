-- name: story
-- Everything that happened around a booking, and not who has read it. `rank` orders what bears the same time: cause before effect.
select at, rank, kind, title, actor, data from (
    select a.at, case when a.actor like 'staff:%' then 3 else 2 end as rank, a.id as n,
           case when a.actor like 'staff:%' then 'staff' when a.action like 'message.%' then 'message' else 'state' end
               as kind,
           a.action as title, a.actor, a.data
    from audit_logs a where a.booking_id = $1 and a.action <> 'booking.viewed'
    union all
    select c.started_at, 1, c.id, 'call', c.provider || ' ' || c.operation, 'hub',
           jsonb_strip_nulls(jsonb_build_object(
               'attempt', c.attempt, 'status', c.status, 'outcome', c.outcome, 'duration_ms', round(c.duration_ms::numeric, 1),
               'idempotency_key', c.idempotency_key, 'provider_request_id', c.provider_request_id))
    from provider_calls c where c.booking_id = $1
    union all
    select w.received_at, 0, w.id, 'webhook', w.provider || ' ' || w.type, 'provider:' || w.provider,
           jsonb_build_object('event_id', w.event_id, 'status', w.status)
    from webhook_events w where w.booking_id = $1
) everything
order by at, rank, n;
