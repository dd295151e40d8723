-- All migrations together, to read. Made by `make schema`.

CREATE SCHEMA auth;

CREATE SCHEMA public;

COMMENT ON SCHEMA public IS 'standard public schema';

CREATE TYPE public.pgqueuer_status AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);

CREATE FUNCTION auth.uid() RETURNS uuid
    LANGUAGE sql STABLE
    AS $$
                select nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid
            $$;

CREATE FUNCTION public.ai_reserve(spending uuid, at timestamp with time zone, user_id uuid, plan_id uuid, purpose text, amount bigint, currency text, lapses_at timestamp with time zone, user_limit bigint, plan_limit bigint, global_limit bigint) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    today date := (at at time zone 'UTC')::date;
    one record;
begin
    -- A server that crashes may forget the reservations of its last half second; each question need not wait for a disk.
    perform set_config('synchronous_commit', 'off', true);
    begin
        for one in select * from public.ai_scopes(ai_reserve.user_id, ai_reserve.plan_id, today) loop
            insert into public.ai_budgets as b (scope, subject, day, reserved)
            values (one.scope, one.subject, one.day, amount)
            on conflict (scope, subject, day) do update set reserved = b.reserved + excluded.reserved;
            if exists (
                select from public.ai_budgets b
                where b.scope = one.scope and b.subject = one.subject and b.day = one.day
                  and b.reserved + b.spent > (array[user_limit, plan_limit, global_limit])[one.n]
            ) then
                raise exception using errcode = 'AI001', message = one.scope;
            end if;
        end loop;
    exception when sqlstate 'AI001' then
        return sqlerrm;
    end;
    insert into public.ai_spending (id, at, day, user_id, plan_id, purpose, reserved, currency, lapses_at)
    values (spending, at, today, ai_reserve.user_id, ai_reserve.plan_id, purpose, amount, currency, lapses_at);
    return null;
end
$$;

CREATE FUNCTION public.ai_scopes(user_id uuid, plan_id uuid, day date) RETURNS TABLE(n integer, scope text, subject uuid, day date)
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    -- The order in which rows are locked, by everybody: nobody waits in a circle.
    select * from (values
        (1, 'user', user_id, day),
        (2, 'plan', plan_id, date '1970-01-01'),
        (3, 'global', uuid '00000000-0000-0000-0000-000000000000', day)
    ) as every (n, scope, subject, day)
    where every.subject is not null
    order by every.n
$$;

CREATE FUNCTION public.ai_settle(spending uuid, at timestamp with time zone, new_status text, cost bigint, model text, outcome text, input_tokens bigint, output_tokens bigint, cached_tokens bigint, estimated boolean, attempts jsonb) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    held public.ai_spending;
    one record;
begin
    perform set_config('synchronous_commit', 'off', true);
    select * into held from public.ai_spending s
    where s.id = spending and (s.status = 'reserved' or (s.status = 'lapsed' and new_status = 'settled'))
    for update;
    if not found then
        return null;
    end if;
    for one in select * from public.ai_scopes(held.user_id, held.plan_id, held.day) loop
        update public.ai_budgets b
        set reserved = b.reserved - case held.status when 'reserved' then held.reserved else 0 end,
            spent = b.spent - held.cost + ai_settle.cost
        where b.scope = one.scope and b.subject = one.subject and b.day = one.day;
    end loop;
    update public.ai_spending s
    set status = new_status, settled_at = ai_settle.at, cost = ai_settle.cost, model = ai_settle.model,
        outcome = ai_settle.outcome, input_tokens = ai_settle.input_tokens, output_tokens = ai_settle.output_tokens,
        cached_tokens = ai_settle.cached_tokens, estimated = ai_settle.estimated, attempts = ai_settle.attempts
    where s.id = spending;
    return spending;
end
$$;

CREATE FUNCTION public.announce_session_end() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    perform pg_catalog.pg_notify('session_ended', old.id::text);
    return null;
end
$$;

CREATE FUNCTION public.check_postings() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
declare
    total bigint;
begin
    select coalesce(sum(amount), 0) into total from public.postings where transaction_id = new.transaction_id;
    if total <> 0 then
        raise exception 'transaction % does not balance: %', new.transaction_id, total using errcode = 'check_violation';
    end if;
    return null;
end
$$;

CREATE FUNCTION public.discard_file() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    insert into discarded_files (key, due) values (old.key, old.created_at) on conflict (key) do nothing;
    return null;
end
$$;

CREATE FUNCTION public.end_sessions(customer uuid, at timestamp with time zone, because text, except_session uuid) RETURNS SETOF uuid
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    update public.customers set sessions_ended_at = at where id = customer;
    return query
        update public.sessions set ended_at = at, ended_because = because
        where customer_id = customer and ended_at is null and id is distinct from except_session
        returning id;
end
$$;

CREATE FUNCTION public.fn_pgqueuer_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'ch_pgqueuer',
            json_build_object(
                'channel', 'ch_pgqueuer',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$;

CREATE FUNCTION public.keep_invoice() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if tg_op = 'UPDATE' and (old.sandbox or old.keep_until < current_date)
        and new.buyer is null and to_jsonb(new) - 'buyer' = to_jsonb(old) - 'buyer' then
        return new;
    end if;
    raise exception 'invoice % has been issued', old.number using errcode = 'restrict_violation';
end
$$;

CREATE FUNCTION public.keep_loyalty() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    was_captured constant bigint := coalesce(old.captured, 0);
    was_refunded constant bigint := coalesce(old.refunded, 0);
    held bigint;
    rate bigint;
    gained bigint;
begin
    select coalesce(sum(points), 0), min(minor_per_point) into held, rate
        from loyalty_entries where payment_id = new.id;
    if rate is null then
        select minor_per_point into rate from loyalty_rates where currency = new.currency;
    end if;
    gained := coalesce((new.captured - new.refunded) / rate, 0) - held;
    if gained <> 0 then
        insert into loyalty_entries (customer_id, booking_id, payment_id, points, minor_per_point, reason, at)
        values (
            new.customer_id, new.booking_id, new.id, gained, rate,
            case when gained > 0 then 'earned' else 'returned' end, new.updated_at
        );
    end if;
    insert into customer_stats as s (customer_id, points, bookings_paid, bookings_refunded, last_paid_at)
    values (
        new.customer_id,
        gained,
        (new.captured > 0)::int - (was_captured > 0)::int,
        (new.captured > 0 and new.refunded = new.captured)::int
            - (was_captured > 0 and was_refunded = was_captured)::int,
        case when new.captured > was_captured then new.updated_at end
    )
    on conflict (customer_id) do update set
        points = s.points + excluded.points,
        bookings_paid = s.bookings_paid + excluded.bookings_paid,
        bookings_refunded = s.bookings_refunded + excluded.bookings_refunded,
        last_paid_at = greatest(s.last_paid_at, excluded.last_paid_at);
    insert into customer_spend as s (customer_id, currency, paid, refunded)
    values (new.customer_id, new.currency, new.captured - was_captured, new.refunded - was_refunded)
    on conflict (customer_id, currency) do update set
        paid = s.paid + excluded.paid,
        refunded = s.refunded + excluded.refunded;
    return null;
end
$$;

CREATE TABLE public.addresses (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    line1 text NOT NULL,
    line2 text,
    city text NOT NULL,
    region text,
    postcode text,
    country text NOT NULL,
    phone text,
    is_default boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT addresses_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT addresses_kind_check CHECK ((kind = ANY (ARRAY['home'::text, 'work'::text, 'billing'::text, 'other'::text])))
);

CREATE TABLE public.ai_budgets (
    scope text NOT NULL,
    subject uuid NOT NULL,
    day date NOT NULL,
    reserved bigint DEFAULT 0 NOT NULL,
    spent bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ai_budgets_reserved_check CHECK ((reserved >= 0)),
    CONSTRAINT ai_budgets_scope_check CHECK ((scope = ANY (ARRAY['user'::text, 'plan'::text, 'global'::text]))),
    CONSTRAINT ai_budgets_spent_check CHECK ((spent >= 0))
);

CREATE TABLE public.ai_spending (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    day date NOT NULL,
    user_id uuid,
    plan_id uuid,
    purpose text NOT NULL,
    status text DEFAULT 'reserved'::text NOT NULL,
    reserved bigint NOT NULL,
    cost bigint DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    lapses_at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone,
    model text,
    outcome text,
    input_tokens bigint DEFAULT 0 NOT NULL,
    output_tokens bigint DEFAULT 0 NOT NULL,
    cached_tokens bigint DEFAULT 0 NOT NULL,
    estimated boolean DEFAULT false NOT NULL,
    attempts jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT ai_spending_cost_check CHECK ((cost >= 0)),
    CONSTRAINT ai_spending_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT ai_spending_reserved_check CHECK ((reserved >= 0)),
    CONSTRAINT ai_spending_status_check CHECK ((status = ANY (ARRAY['reserved'::text, 'settled'::text, 'lapsed'::text])))
);

CREATE TABLE public.attention (
    id uuid NOT NULL,
    kind text NOT NULL,
    booking_id uuid,
    payment_id uuid,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    since timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    resolved_by text,
    note text,
    subject text
);

CREATE TABLE public.audit_logs (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    customer_id uuid,
    booking_id uuid,
    request_id text,
    ip text,
    user_agent text,
    data jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE public.audit_logs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_logs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.booking_travelers (
    booking_id uuid NOT NULL,
    "position" smallint NOT NULL,
    title text NOT NULL,
    gender text NOT NULL,
    given_name text NOT NULL,
    family_name text NOT NULL,
    born_on date NOT NULL,
    nationality text NOT NULL,
    email text,
    phone text,
    document_number text,
    document_expires_on date,
    document bytea
);

CREATE TABLE public.bookings (
    id uuid NOT NULL,
    reference text NOT NULL,
    customer_id uuid NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    failure text,
    payment_status text DEFAULT 'unpaid'::text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    offer_id text NOT NULL,
    supplier text NOT NULL,
    itinerary jsonb NOT NULL,
    sandbox boolean NOT NULL,
    contact_email text NOT NULL,
    contact_phone text,
    notes text,
    supplier_reference text,
    idempotency_key text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    new_amount bigint,
    last_failure jsonb,
    refusal jsonb DEFAULT '[]'::jsonb NOT NULL,
    airline_references jsonb DEFAULT '[]'::jsonb NOT NULL,
    baggage jsonb DEFAULT '[]'::jsonb NOT NULL,
    schedule_changed_at timestamp with time zone,
    CONSTRAINT bookings_amount_check CHECK ((amount > 0)),
    CONSTRAINT bookings_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT bookings_new_amount_check CHECK ((new_amount > 0)),
    CONSTRAINT bookings_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'ordering'::text, 'order_unknown'::text, 'ordered'::text, 'confirmed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text, 'awaiting_consent'::text])))
);

CREATE TABLE public.breaks (
    id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    booking_id uuid,
    payment_id uuid,
    ours jsonb NOT NULL,
    theirs jsonb NOT NULL,
    proposal text NOT NULL,
    found_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    closed_because text,
    closed_by text,
    note text
);

CREATE TABLE public.credentials (
    customer_id uuid NOT NULL,
    password_hash text NOT NULL,
    changed_at timestamp with time zone NOT NULL
);

CREATE TABLE public.customer_spend (
    customer_id uuid NOT NULL,
    currency text NOT NULL,
    paid bigint DEFAULT 0 NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.customer_stats (
    customer_id uuid NOT NULL,
    points bigint DEFAULT 0 NOT NULL,
    bookings_paid bigint DEFAULT 0 NOT NULL,
    bookings_refunded bigint DEFAULT 0 NOT NULL,
    last_paid_at timestamp with time zone
);

CREATE TABLE public.customers (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    phone text,
    created_at timestamp with time zone NOT NULL,
    payment_customer_id text,
    verified_at timestamp with time zone,
    updated_at timestamp with time zone,
    erased_at timestamp with time zone,
    payment_account text,
    payment_customer_losses integer DEFAULT 0 NOT NULL,
    sessions_ended_at timestamp with time zone
);

CREATE TABLE public.devices (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    hash bytea NOT NULL,
    ip text,
    user_agent text,
    created_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL
);

CREATE TABLE public.discarded_files (
    key text NOT NULL,
    due timestamp with time zone NOT NULL
);

CREATE TABLE public.disputes (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    provider_dispute_id text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    reason text,
    status text NOT NULL,
    due_by timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    booked bigint DEFAULT 0 NOT NULL,
    seen_at timestamp with time zone,
    CONSTRAINT disputes_amount_check CHECK ((amount >= 0)),
    CONSTRAINT disputes_booked_check CHECK ((booked >= 0)),
    CONSTRAINT disputes_status_check CHECK ((status = ANY (ARRAY['inquiry'::text, 'open'::text, 'won'::text, 'lost'::text])))
);

CREATE TABLE public.flight_searches (
    id uuid NOT NULL,
    query jsonb NOT NULL,
    offers jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    requirements jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE public.idempotency_keys (
    caller text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    claim uuid NOT NULL,
    status text NOT NULL,
    response_status smallint,
    response_headers jsonb,
    response_body bytea,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    locked_until timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_keys_check CHECK (((status = 'in_flight'::text) OR ((response_status IS NOT NULL) AND (response_body IS NOT NULL)))),
    CONSTRAINT idempotency_keys_status_check CHECK ((status = ANY (ARRAY['in_flight'::text, 'done'::text])))
);

CREATE TABLE public.invoice_series (
    year smallint NOT NULL,
    kind text NOT NULL,
    sandbox boolean NOT NULL,
    last integer NOT NULL,
    last_on date NOT NULL,
    CONSTRAINT invoice_series_kind_check CHECK ((kind = ANY (ARRAY['invoice'::text, 'credit_note'::text, 'reversal'::text]))),
    CONSTRAINT invoice_series_last_check CHECK ((last > 0))
);

CREATE TABLE public.invoices (
    id uuid NOT NULL,
    number text NOT NULL,
    kind text NOT NULL,
    sandbox boolean NOT NULL,
    customer_id uuid NOT NULL,
    booking_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    invoice_id uuid,
    refunded bigint,
    amount bigint NOT NULL,
    currency text NOT NULL,
    document jsonb NOT NULL,
    buyer jsonb,
    issued_on date NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    keep_until date NOT NULL,
    CONSTRAINT invoices_amount_check CHECK ((amount > 0)),
    CONSTRAINT invoices_check CHECK (((kind = 'invoice'::text) = (invoice_id IS NULL))),
    CONSTRAINT invoices_check1 CHECK (((kind = 'invoice'::text) = (refunded IS NULL))),
    CONSTRAINT invoices_check2 CHECK ((amount <= refunded)),
    CONSTRAINT invoices_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT invoices_kind_check CHECK ((kind = ANY (ARRAY['invoice'::text, 'credit_note'::text, 'reversal'::text])))
);

CREATE TABLE public.loyalty_entries (
    id bigint NOT NULL,
    customer_id uuid NOT NULL,
    booking_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    points bigint NOT NULL,
    minor_per_point bigint NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT loyalty_entries_minor_per_point_check CHECK ((minor_per_point > 0)),
    CONSTRAINT loyalty_entries_points_check CHECK ((points <> 0)),
    CONSTRAINT loyalty_entries_reason_check CHECK ((reason = ANY (ARRAY['earned'::text, 'returned'::text])))
);

ALTER TABLE public.loyalty_entries ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.loyalty_entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.loyalty_rates (
    currency text NOT NULL,
    minor_per_point bigint NOT NULL,
    CONSTRAINT loyalty_rates_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT loyalty_rates_minor_per_point_check CHECK ((minor_per_point > 0))
);

CREATE TABLE public.mail_limits (
    mailbox bytea NOT NULL,
    kind text NOT NULL,
    due timestamp with time zone NOT NULL
);

CREATE TABLE public.message_reports (
    message_id uuid NOT NULL,
    status text NOT NULL,
    detail text,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.messages (
    id uuid NOT NULL,
    fact text NOT NULL,
    customer_id uuid,
    booking_id uuid,
    payment_id uuid,
    channel text NOT NULL,
    template text NOT NULL,
    recipient text NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    provider text,
    provider_message_id text,
    error text,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    updated_at timestamp with time zone NOT NULL,
    token_id uuid,
    session_id uuid,
    plan_id uuid,
    amount bigint,
    rendered bytea,
    airline_references text[],
    CONSTRAINT messages_amount_check CHECK ((amount > 0)),
    CONSTRAINT messages_channel_check CHECK ((channel = ANY (ARRAY['email'::text, 'sms'::text, 'whatsapp'::text]))),
    CONSTRAINT messages_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'sending'::text, 'sent'::text, 'delivered'::text, 'bounced'::text, 'complained'::text, 'failed'::text, 'suppressed'::text])))
);

CREATE TABLE public.one_time_tokens (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    purpose text NOT NULL,
    hash bytea,
    sealed bytea NOT NULL,
    password_hash text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT one_time_tokens_purpose_check CHECK ((purpose = ANY (ARRAY['verify'::text, 'reset'::text])))
);

COMMENT ON COLUMN public.one_time_tokens.password_hash IS 'not used any more';

CREATE TABLE public.payment_pages (
    payment_id uuid NOT NULL,
    page_id text,
    url text,
    expires_at timestamp with time zone,
    success_url text NOT NULL,
    cancel_url text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.payments (
    id uuid NOT NULL,
    booking_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    provider text NOT NULL,
    intent_id text,
    status text DEFAULT 'unpaid'::text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    captured bigint DEFAULT 0 NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    disputed bigint DEFAULT 0 NOT NULL,
    fee bigint,
    fee_currency text,
    superseded_at timestamp with time zone,
    page text,
    last_failure jsonb,
    attempt integer DEFAULT 0 NOT NULL,
    account text,
    checked_at timestamp with time zone,
    CONSTRAINT payments_amount_check CHECK ((amount > 0)),
    CONSTRAINT payments_disputed_check CHECK ((disputed >= 0)),
    CONSTRAINT payments_page_check CHECK ((page = ANY (ARRAY['session'::text, 'link'::text]))),
    CONSTRAINT payments_refunded_check CHECK ((refunded <= captured)),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['unpaid'::text, 'requires_action'::text, 'processing'::text, 'unknown'::text, 'authorised'::text, 'partially_captured'::text, 'paid'::text, 'partially_refunded'::text, 'refunded'::text, 'released'::text, 'failed'::text])))
);

CREATE TABLE public.pgqueuer (
    id bigint NOT NULL,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    execute_after timestamp with time zone DEFAULT now() NOT NULL,
    status public.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer DEFAULT 0 NOT NULL,
    slot bigint
);

CREATE SEQUENCE public.pgqueuer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_id_seq OWNED BY public.pgqueuer.id;

CREATE TABLE public.pgqueuer_log (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    job_id bigint NOT NULL,
    status public.pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);

ALTER TABLE public.pgqueuer_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.pgqueuer_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.pgqueuer_schedules (
    id bigint NOT NULL,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    next_run timestamp with time zone DEFAULT now() NOT NULL,
    last_run timestamp with time zone,
    status public.pgqueuer_status DEFAULT 'queued'::public.pgqueuer_status
);

CREATE SEQUENCE public.pgqueuer_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_schedules_id_seq OWNED BY public.pgqueuer_schedules.id;

CREATE TABLE public.pgqueuer_statistics (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT date_trunc('sec'::text, now()) NOT NULL,
    count bigint NOT NULL,
    priority integer NOT NULL,
    status public.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

CREATE SEQUENCE public.pgqueuer_statistics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_statistics_id_seq OWNED BY public.pgqueuer_statistics.id;

CREATE TABLE public.plan_attachments (
    id uuid NOT NULL,
    plan_id uuid NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    key text NOT NULL,
    width integer,
    height integer,
    pages integer,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT plan_attachments_content_type_check CHECK ((content_type = ANY (ARRAY['image/jpeg'::text, 'image/png'::text, 'image/webp'::text, 'application/pdf'::text]))),
    CONSTRAINT plan_attachments_height_check CHECK ((height > 0)),
    CONSTRAINT plan_attachments_name_check CHECK (((length(name) >= 1) AND (length(name) <= 120))),
    CONSTRAINT plan_attachments_pages_check CHECK ((pages > 0)),
    CONSTRAINT plan_attachments_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT plan_attachments_size_check CHECK ((size > 0)),
    CONSTRAINT plan_attachments_width_check CHECK ((width > 0))
);

CREATE TABLE public.plan_events (
    plan_id uuid NOT NULL,
    seq integer NOT NULL,
    event text NOT NULL,
    data jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT plan_events_event_check CHECK ((event = ANY (ARRAY['status'::text, 'day'::text, 'budget'::text, 'done'::text, 'error'::text]))),
    CONSTRAINT plan_events_seq_check CHECK ((seq > 0))
);

CREATE TABLE public.plan_grounds (
    plan_id uuid NOT NULL,
    ground jsonb NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.plan_makings (
    id bigint NOT NULL,
    plan_id uuid NOT NULL,
    reason text NOT NULL,
    outcome text NOT NULL,
    version integer,
    planner text,
    prompt jsonb NOT NULL,
    models jsonb DEFAULT '[]'::jsonb NOT NULL,
    checks jsonb DEFAULT '[]'::jsonb NOT NULL,
    input_tokens bigint DEFAULT 0 NOT NULL,
    output_tokens bigint DEFAULT 0 NOT NULL,
    cost bigint DEFAULT 0 NOT NULL,
    currency text,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    CONSTRAINT plan_makings_reason_check CHECK ((reason = ANY (ARRAY['made'::text, 'refined'::text])))
);

ALTER TABLE public.plan_makings ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.plan_makings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.plan_versions (
    plan_id uuid NOT NULL,
    version integer NOT NULL,
    document jsonb NOT NULL,
    reason text NOT NULL,
    by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT plan_versions_reason_check CHECK ((reason = ANY (ARRAY['made'::text, 'partial'::text, 'edited'::text, 'refined'::text, 'restored'::text]))),
    CONSTRAINT plan_versions_version_check CHECK ((version > 0))
);

CREATE TABLE public.postings (
    transaction_id uuid NOT NULL,
    account text NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT postings_account_check CHECK ((account = ANY (ARRAY['traveller'::text, 'held'::text, 'taken'::text, 'disputed'::text, 'fees'::text, 'provider'::text, 'written_off'::text]))),
    CONSTRAINT postings_amount_check CHECK ((amount <> 0))
);

CREATE TABLE public.preferences (
    customer_id uuid NOT NULL,
    language text,
    currency text,
    cabin text,
    home_airport text,
    seat text,
    meal text,
    newsletter boolean DEFAULT false NOT NULL,
    marketing_sms boolean DEFAULT false NOT NULL,
    extra jsonb DEFAULT '{}'::jsonb NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT preferences_extra_check CHECK (((jsonb_typeof(extra) = 'object'::text) AND (pg_column_size(extra) <= 131072)))
);

CREATE TABLE public.provider_calls (
    id bigint NOT NULL,
    provider text NOT NULL,
    operation text NOT NULL,
    attempt integer NOT NULL,
    method text NOT NULL,
    status integer,
    outcome text NOT NULL,
    duration_ms double precision NOT NULL,
    idempotency_key text,
    booking_id uuid,
    request_id text,
    provider_request_id text,
    started_at timestamp with time zone NOT NULL
);

ALTER TABLE public.provider_calls ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.provider_calls_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.proxy_sightings (
    id boolean DEFAULT true NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    CONSTRAINT proxy_sightings_id_check CHECK (id)
);

CREATE TABLE public.reconciliations (
    id uuid NOT NULL,
    since timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    report jsonb
);

CREATE TABLE public.recovery_codes (
    customer_id uuid NOT NULL,
    hash bytea NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE public.refresh_tokens (
    hash bytea NOT NULL,
    session_id uuid NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    successor bytea
);

CREATE TABLE public.refunds (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    reason text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    provider_refund_id text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    requested_by text DEFAULT 'system'::text NOT NULL,
    failure text,
    CONSTRAINT refunds_amount_check CHECK ((amount > 0)),
    CONSTRAINT refunds_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'succeeded'::text, 'failed'::text])))
);

CREATE TABLE public.registrations (
    customer_id uuid NOT NULL,
    password_hash text NOT NULL,
    name text NOT NULL,
    phone text,
    secret_hash bytea NOT NULL,
    disputed boolean NOT NULL,
    created_at timestamp with time zone NOT NULL
);

COMMENT ON COLUMN public.registrations.secret_hash IS 'of the secret that the registering device holds';

CREATE TABLE public.row_failures (
    sweep text NOT NULL,
    row_id text NOT NULL,
    booking_id uuid,
    payment_id uuid,
    failures integer DEFAULT 1 NOT NULL,
    error text NOT NULL,
    transient boolean NOT NULL,
    first_failed_at timestamp with time zone NOT NULL,
    last_failed_at timestamp with time zone NOT NULL,
    retry_at timestamp with time zone NOT NULL,
    CONSTRAINT row_failures_failures_check CHECK ((failures > 0))
);

CREATE TABLE public.schedules (
    name text NOT NULL,
    next_run timestamp with time zone NOT NULL
);

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    duration_ms double precision NOT NULL
);

CREATE TABLE public.second_factors (
    customer_id uuid NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_because text,
    ip text,
    user_agent text,
    device_id uuid,
    last_seen_at timestamp with time zone NOT NULL,
    second_factor boolean DEFAULT false NOT NULL
);

CREATE TABLE public.sign_in_failures (
    scope text NOT NULL,
    subject bytea NOT NULL,
    failures integer NOT NULL,
    last_at timestamp with time zone NOT NULL,
    CONSTRAINT sign_in_failures_scope_check CHECK ((scope = ANY (ARRAY['account'::text, 'device'::text, 'network'::text])))
);

CREATE TABLE public.signing_keys (
    kid text NOT NULL,
    public_jwk jsonb NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    signs_from timestamp with time zone NOT NULL
);

CREATE TABLE public.staff (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    roles text[] NOT NULL,
    issuer text DEFAULT 'local'::text NOT NULL,
    subject text NOT NULL,
    password_hash text,
    created_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone,
    disabled_at timestamp with time zone,
    CONSTRAINT staff_roles_check CHECK ((roles <@ ARRAY['staff'::text, 'manager'::text, 'admin'::text, 'accountant'::text]))
);

CREATE TABLE public.staff_recovery_codes (
    staff_id uuid NOT NULL,
    hash bytea NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE public.staff_second_factors (
    staff_id uuid NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.staff_sessions (
    id uuid NOT NULL,
    staff_id uuid NOT NULL,
    hash bytea NOT NULL,
    sealed bytea,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_because text,
    ip text,
    user_agent text,
    second_factor boolean DEFAULT false NOT NULL
);

CREATE TABLE public.supplier_orders (
    booking_id uuid NOT NULL,
    supplier text NOT NULL,
    state text DEFAULT 'none'::text NOT NULL,
    offer jsonb NOT NULL,
    query jsonb NOT NULL,
    order_id text,
    placed jsonb,
    lease_until timestamp with time zone,
    unknown_since timestamp with time zone,
    updated_at timestamp with time zone NOT NULL,
    checked_at timestamp with time zone,
    account text,
    requirements jsonb,
    CONSTRAINT supplier_orders_state_check CHECK ((state = ANY (ARRAY['none'::text, 'placing'::text, 'placed'::text, 'confirming'::text, 'confirmed'::text, 'refused'::text, 'unknown'::text])))
);

CREATE TABLE public.suppressions (
    channel text NOT NULL,
    address text NOT NULL,
    reason text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    detail text,
    CONSTRAINT suppressions_reason_check CHECK ((reason = ANY (ARRAY['bounce'::text, 'complaint'::text, 'opt_out'::text, 'manual'::text])))
);

CREATE TABLE public.transaction_audit_logs (
    id bigint NOT NULL,
    payment_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    request_id text,
    was text NOT NULL,
    became text NOT NULL,
    captured bigint NOT NULL,
    refunded bigint NOT NULL,
    disputed bigint NOT NULL,
    failure text
);

ALTER TABLE public.transaction_audit_logs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.transaction_audit_logs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.transactions (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    booking_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    provider text NOT NULL,
    provider_id text,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT transactions_amount_check CHECK ((amount > 0)),
    CONSTRAINT transactions_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT transactions_kind_check CHECK ((kind = ANY (ARRAY['authorise'::text, 'release'::text, 'capture'::text, 'refund'::text, 'refund_failed'::text, 'dispute'::text, 'dispute_won'::text, 'dispute_lost'::text, 'dispute_reopened'::text, 'fee'::text, 'write_off'::text])))
);

CREATE TABLE public.trip_plans (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    status text DEFAULT 'making'::text NOT NULL,
    visibility text DEFAULT 'private'::text NOT NULL,
    share_token text,
    version integer DEFAULT 0 NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    destination text NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    place text NOT NULL,
    words text NOT NULL,
    request jsonb NOT NULL,
    cache_key bytea,
    planner text,
    model text,
    failure text,
    notify boolean DEFAULT false NOT NULL,
    idempotency_key text,
    fingerprint bytea,
    lease uuid,
    lease_until timestamp with time zone,
    cached_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    ready_at timestamp with time zone,
    CONSTRAINT trip_plans_check CHECK ((ends_on >= starts_on)),
    CONSTRAINT trip_plans_check1 CHECK (((status <> 'ready'::text) OR (version > 0))),
    CONSTRAINT trip_plans_check2 CHECK (((visibility <> 'link'::text) OR (share_token IS NOT NULL))),
    CONSTRAINT trip_plans_status_check CHECK ((status = ANY (ARRAY['making'::text, 'ready'::text, 'failed'::text]))),
    CONSTRAINT trip_plans_version_check CHECK ((version >= 0)),
    CONSTRAINT trip_plans_visibility_check CHECK ((visibility = ANY (ARRAY['private'::text, 'link'::text, 'public'::text])))
);

CREATE TABLE public.webhook_events (
    id bigint NOT NULL,
    provider text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    payload jsonb NOT NULL,
    raw bytea NOT NULL,
    occurred_at timestamp with time zone,
    received_at timestamp with time zone NOT NULL,
    processed_at timestamp with time zone,
    status text DEFAULT 'received'::text NOT NULL,
    deliveries integer DEFAULT 1 NOT NULL,
    booking_id uuid,
    CONSTRAINT webhook_events_status_check CHECK ((status = ANY (ARRAY['received'::text, 'processed'::text, 'ignored'::text, 'failed'::text])))
);

ALTER TABLE public.webhook_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.pgqueuer ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_id_seq'::regclass);

ALTER TABLE ONLY public.pgqueuer_schedules ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_schedules_id_seq'::regclass);

ALTER TABLE ONLY public.pgqueuer_statistics ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_statistics_id_seq'::regclass);

ALTER TABLE ONLY public.addresses
    ADD CONSTRAINT addresses_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ai_budgets
    ADD CONSTRAINT ai_budgets_pkey PRIMARY KEY (scope, subject, day);

ALTER TABLE ONLY public.ai_spending
    ADD CONSTRAINT ai_spending_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attention
    ADD CONSTRAINT attention_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_logs
    ADD CONSTRAINT audit_logs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.booking_travelers
    ADD CONSTRAINT booking_travelers_pkey PRIMARY KEY (booking_id, "position");

ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_customer_id_idempotency_key_key UNIQUE (customer_id, idempotency_key);

ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_reference_key UNIQUE (reference);

ALTER TABLE ONLY public.breaks
    ADD CONSTRAINT breaks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY public.customer_spend
    ADD CONSTRAINT customer_spend_pkey PRIMARY KEY (customer_id, currency);

ALTER TABLE ONLY public.customer_stats
    ADD CONSTRAINT customer_stats_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.discarded_files
    ADD CONSTRAINT discarded_files_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.disputes
    ADD CONSTRAINT disputes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.disputes
    ADD CONSTRAINT disputes_provider_dispute_id_key UNIQUE (provider_dispute_id);

ALTER TABLE ONLY public.flight_searches
    ADD CONSTRAINT flight_searches_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, route, key);

ALTER TABLE ONLY public.invoice_series
    ADD CONSTRAINT invoice_series_pkey PRIMARY KEY (year, kind, sandbox);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_number_key UNIQUE (number);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.loyalty_entries
    ADD CONSTRAINT loyalty_entries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.loyalty_rates
    ADD CONSTRAINT loyalty_rates_pkey PRIMARY KEY (currency);

ALTER TABLE ONLY public.mail_limits
    ADD CONSTRAINT mail_limits_pkey PRIMARY KEY (mailbox, kind);

ALTER TABLE ONLY public.message_reports
    ADD CONSTRAINT message_reports_pkey PRIMARY KEY (message_id, status);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_fact_key UNIQUE (fact);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT one_time_tokens_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT one_time_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payment_pages
    ADD CONSTRAINT payment_pages_page_id_key UNIQUE (page_id);

ALTER TABLE ONLY public.payment_pages
    ADD CONSTRAINT payment_pages_pkey PRIMARY KEY (payment_id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer_log
    ADD CONSTRAINT pgqueuer_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer
    ADD CONSTRAINT pgqueuer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_expression_entrypoint_key UNIQUE (expression, entrypoint);

ALTER TABLE ONLY public.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer_statistics
    ADD CONSTRAINT pgqueuer_statistics_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan_attachments
    ADD CONSTRAINT plan_attachments_key_key UNIQUE (key);

ALTER TABLE ONLY public.plan_attachments
    ADD CONSTRAINT plan_attachments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan_attachments
    ADD CONSTRAINT plan_attachments_plan_id_sha256_key UNIQUE (plan_id, sha256);

ALTER TABLE ONLY public.plan_events
    ADD CONSTRAINT plan_events_pkey PRIMARY KEY (plan_id, seq);

ALTER TABLE ONLY public.plan_grounds
    ADD CONSTRAINT plan_grounds_pkey PRIMARY KEY (plan_id);

ALTER TABLE ONLY public.plan_makings
    ADD CONSTRAINT plan_makings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan_versions
    ADD CONSTRAINT plan_versions_pkey PRIMARY KEY (plan_id, version);

ALTER TABLE ONLY public.postings
    ADD CONSTRAINT postings_pkey PRIMARY KEY (transaction_id, account);

ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY public.provider_calls
    ADD CONSTRAINT provider_calls_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.proxy_sightings
    ADD CONSTRAINT proxy_sightings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.reconciliations
    ADD CONSTRAINT reconciliations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (customer_id, hash);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.registrations
    ADD CONSTRAINT registrations_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY public.row_failures
    ADD CONSTRAINT row_failures_pkey PRIMARY KEY (sweep, row_id);

ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sign_in_failures
    ADD CONSTRAINT sign_in_failures_pkey PRIMARY KEY (scope, subject);

ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_issuer_subject_key UNIQUE (issuer, subject);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.staff_recovery_codes
    ADD CONSTRAINT staff_recovery_codes_pkey PRIMARY KEY (staff_id, hash);

ALTER TABLE ONLY public.staff_second_factors
    ADD CONSTRAINT staff_second_factors_pkey PRIMARY KEY (staff_id);

ALTER TABLE ONLY public.staff_sessions
    ADD CONSTRAINT staff_sessions_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.staff_sessions
    ADD CONSTRAINT staff_sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.supplier_orders
    ADD CONSTRAINT supplier_orders_pkey PRIMARY KEY (booking_id);

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_cause_key UNIQUE (channel, address, reason);

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.transaction_audit_logs
    ADD CONSTRAINT transaction_audit_logs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.transactions
    ADD CONSTRAINT transactions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.trip_plans
    ADD CONSTRAINT trip_plans_customer_id_idempotency_key_key UNIQUE (customer_id, idempotency_key);

ALTER TABLE ONLY public.trip_plans
    ADD CONSTRAINT trip_plans_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_events
    ADD CONSTRAINT webhook_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_events
    ADD CONSTRAINT webhook_events_provider_event_id_key UNIQUE (provider, event_id);

CREATE INDEX addresses_customer ON public.addresses USING btree (customer_id);

CREATE UNIQUE INDEX addresses_default ON public.addresses USING btree (customer_id) WHERE is_default;

CREATE INDEX ai_spending_day ON public.ai_spending USING btree (day);

CREATE INDEX ai_spending_open ON public.ai_spending USING btree (lapses_at) WHERE (status = 'reserved'::text);

CREATE INDEX ai_spending_plan ON public.ai_spending USING btree (plan_id) WHERE (plan_id IS NOT NULL);

CREATE INDEX ai_spending_user ON public.ai_spending USING btree (user_id, at DESC) WHERE (user_id IS NOT NULL);

CREATE UNIQUE INDEX attention_open ON public.attention USING btree (kind, COALESCE(subject, (booking_id)::text, (payment_id)::text)) WHERE (resolved_at IS NULL);

CREATE INDEX audit_logs_booking ON public.audit_logs USING btree (booking_id, id) WHERE (booking_id IS NOT NULL);

CREATE INDEX audit_logs_customer ON public.audit_logs USING btree (customer_id, id) WHERE (customer_id IS NOT NULL);

CREATE INDEX booking_travelers_unsealed ON public.booking_travelers USING btree (booking_id) WHERE ((document_number IS NOT NULL) OR (document_expires_on IS NOT NULL));

CREATE INDEX bookings_changed ON public.bookings USING btree (updated_at);

CREATE INDEX bookings_customer ON public.bookings USING btree (customer_id, created_at DESC);

CREATE INDEX bookings_open ON public.bookings USING btree (updated_at) WHERE (status = ANY (ARRAY['pending'::text, 'ordering'::text, 'order_unknown'::text, 'ordered'::text]));

CREATE INDEX bookings_unpaid ON public.bookings USING btree (expires_at) WHERE (status = 'pending'::text);

CREATE INDEX breaks_found ON public.breaks USING btree (found_at DESC, id DESC);

CREATE UNIQUE INDEX breaks_open ON public.breaks USING btree (kind, subject) WHERE (closed_at IS NULL);

CREATE UNIQUE INDEX customers_email ON public.customers USING btree (lower(email));

CREATE INDEX customers_erased ON public.customers USING btree (erased_at) WHERE (erased_at IS NOT NULL);

CREATE INDEX devices_customer ON public.devices USING btree (customer_id);

CREATE INDEX discarded_files_due ON public.discarded_files USING btree (due);

CREATE INDEX disputes_payment ON public.disputes USING btree (payment_id);

CREATE INDEX flight_searches_expiry ON public.flight_searches USING btree (expires_at);

CREATE INDEX idempotency_keys_expiry ON public.idempotency_keys USING btree (expires_at);

CREATE INDEX invoices_booking ON public.invoices USING btree (booking_id);

CREATE INDEX invoices_customer ON public.invoices USING btree (customer_id, issued_at DESC);

CREATE UNIQUE INDEX invoices_payment ON public.invoices USING btree (payment_id) WHERE (kind = 'invoice'::text);

CREATE UNIQUE INDEX invoices_refund ON public.invoices USING btree (payment_id, kind, refunded) WHERE (kind <> 'invoice'::text);

CREATE INDEX loyalty_entries_customer ON public.loyalty_entries USING btree (customer_id, id);

CREATE INDEX loyalty_entries_payment ON public.loyalty_entries USING btree (payment_id);

CREATE INDEX mail_limits_due ON public.mail_limits USING btree (due);

CREATE INDEX messages_booking ON public.messages USING btree (booking_id) WHERE (booking_id IS NOT NULL);

CREATE INDEX messages_customer ON public.messages USING btree (customer_id);

CREATE INDEX messages_plan ON public.messages USING btree (plan_id) WHERE (plan_id IS NOT NULL);

CREATE UNIQUE INDEX messages_provider ON public.messages USING btree (provider, provider_message_id) WHERE (provider_message_id IS NOT NULL);

CREATE INDEX messages_waiting ON public.messages USING btree (updated_at) WHERE (status = ANY (ARRAY['queued'::text, 'sending'::text]));

CREATE INDEX one_time_tokens_customer ON public.one_time_tokens USING btree (customer_id, purpose);

CREATE INDEX one_time_tokens_expiry ON public.one_time_tokens USING btree (expires_at);

CREATE INDEX payments_booking ON public.payments USING btree (booking_id);

CREATE INDEX payments_changed ON public.payments USING btree (updated_at);

CREATE INDEX payments_customer ON public.payments USING btree (customer_id);

CREATE UNIQUE INDEX payments_intent ON public.payments USING btree (intent_id, provider, COALESCE(account, ''::text));

CREATE UNIQUE INDEX payments_live ON public.payments USING btree (booking_id) WHERE ((status <> ALL (ARRAY['failed'::text, 'released'::text])) AND (superseded_at IS NULL));

CREATE INDEX payments_open ON public.payments USING btree (updated_at) WHERE (status = ANY (ARRAY['unpaid'::text, 'requires_action'::text, 'processing'::text, 'unknown'::text, 'authorised'::text]));

CREATE INDEX payments_taken ON public.payments USING btree (updated_at) WHERE (captured > 0);

CREATE INDEX payments_unchecked ON public.payments USING btree (provider, checked_at NULLS FIRST) WHERE (captured > 0);

CREATE INDEX pgqueuer_ep_ea_idx ON public.pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_ep_prio_id_idx ON public.pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_held_key ON public.pgqueuer USING btree (((headers ->> 'key'::text))) WHERE (status = 'failed'::public.pgqueuer_status);

CREATE INDEX pgqueuer_log_created ON public.pgqueuer_log USING btree (created);

CREATE INDEX pgqueuer_log_job_id_status ON public.pgqueuer_log USING btree (job_id, created DESC);

CREATE INDEX pgqueuer_log_not_aggregated ON public.pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

CREATE INDEX pgqueuer_log_status ON public.pgqueuer_log USING btree (status);

CREATE INDEX pgqueuer_picked_heartbeat_idx ON public.pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::public.pgqueuer_status);

CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON public.pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::public.pgqueuer_status) AND (slot IS NOT NULL));

CREATE INDEX pgqueuer_priority_id_id1_idx ON public.pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_queue_manager_id_idx ON public.pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON public.pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON public.pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::public.pgqueuer_status, 'picked'::public.pgqueuer_status])) AND (dedupe_key IS NOT NULL));

CREATE INDEX pgqueuer_updated_id_id1_idx ON public.pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::public.pgqueuer_status);

CREATE INDEX plan_attachments_plan ON public.plan_attachments USING btree (plan_id, created_at, id);

CREATE INDEX plan_makings_plan ON public.plan_makings USING btree (plan_id, id);

CREATE INDEX provider_calls_booking ON public.provider_calls USING btree (booking_id, started_at) WHERE (booking_id IS NOT NULL);

CREATE INDEX provider_calls_started ON public.provider_calls USING btree (started_at);

CREATE UNIQUE INDEX reconciliations_running ON public.reconciliations USING btree ((true)) WHERE (ended_at IS NULL);

CREATE INDEX reconciliations_started ON public.reconciliations USING btree (started_at DESC);

CREATE INDEX refresh_tokens_session ON public.refresh_tokens USING btree (session_id);

CREATE INDEX refresh_tokens_successor ON public.refresh_tokens USING btree (used_at) WHERE (successor IS NOT NULL);

CREATE INDEX refunds_payment ON public.refunds USING btree (payment_id);

CREATE UNIQUE INDEX refunds_provider_refund ON public.refunds USING btree (provider_refund_id, payment_id);

CREATE INDEX sessions_customer ON public.sessions USING btree (customer_id);

CREATE INDEX sessions_device ON public.sessions USING btree (device_id) WHERE (device_id IS NOT NULL);

CREATE INDEX sign_in_failures_age ON public.sign_in_failures USING btree (last_at);

CREATE UNIQUE INDEX staff_email ON public.staff USING btree (lower(email)) WHERE (issuer = 'local'::text);

CREATE INDEX staff_sessions_staff ON public.staff_sessions USING btree (staff_id);

CREATE UNIQUE INDEX supplier_orders_order ON public.supplier_orders USING btree (supplier, order_id, COALESCE(account, ''::text)) WHERE (order_id IS NOT NULL);

CREATE INDEX supplier_orders_unchecked ON public.supplier_orders USING btree (checked_at NULLS FIRST) WHERE (placed IS NOT NULL);

CREATE INDEX transaction_audit_logs_payment ON public.transaction_audit_logs USING btree (payment_id, id);

CREATE INDEX transactions_at ON public.transactions USING btree (at DESC, id DESC);

CREATE INDEX transactions_booking ON public.transactions USING btree (booking_id, at);

CREATE INDEX transactions_customer ON public.transactions USING btree (customer_id, at);

CREATE INDEX transactions_payment ON public.transactions USING btree (payment_id, at);

CREATE INDEX trip_plans_cache ON public.trip_plans USING btree (cache_key, ready_at DESC) WHERE (cache_key IS NOT NULL);

CREATE INDEX trip_plans_customer ON public.trip_plans USING btree (customer_id, created_at DESC);

CREATE INDEX trip_plans_leased ON public.trip_plans USING btree (customer_id) WHERE (lease IS NOT NULL);

CREATE INDEX trip_plans_making ON public.trip_plans USING btree (updated_at) WHERE (status = 'making'::text);

CREATE INDEX trip_plans_public ON public.trip_plans USING btree (ready_at DESC, id) WHERE ((visibility = 'public'::text) AND (status = 'ready'::text));

CREATE INDEX trip_plans_public_words ON public.trip_plans USING gin (to_tsvector('simple'::regconfig, words)) WHERE ((visibility = 'public'::text) AND (status = 'ready'::text));

CREATE INDEX webhook_events_booking ON public.webhook_events USING btree (booking_id) WHERE (booking_id IS NOT NULL);

CREATE INDEX webhook_events_waiting ON public.webhook_events USING btree (received_at) WHERE (status = 'received'::text);

CREATE TRIGGER invoices_stay BEFORE DELETE OR UPDATE ON public.invoices FOR EACH ROW EXECUTE FUNCTION public.keep_invoice();

CREATE TRIGGER payments_loyalty_insert AFTER INSERT ON public.payments FOR EACH ROW WHEN (((new.captured <> 0) OR (new.refunded <> 0))) EXECUTE FUNCTION public.keep_loyalty();

CREATE TRIGGER payments_loyalty_update AFTER UPDATE OF captured, refunded ON public.payments FOR EACH ROW WHEN (((old.captured <> new.captured) OR (old.refunded <> new.refunded))) EXECUTE FUNCTION public.keep_loyalty();

CREATE TRIGGER plan_attachments_gone AFTER DELETE ON public.plan_attachments FOR EACH ROW EXECUTE FUNCTION public.discard_file();

CREATE CONSTRAINT TRIGGER postings_balance AFTER INSERT OR UPDATE ON public.postings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.check_postings();

CREATE TRIGGER session_deleted AFTER DELETE ON public.sessions FOR EACH ROW WHEN ((old.ended_at IS NULL)) EXECUTE FUNCTION public.announce_session_end();

CREATE TRIGGER session_ended AFTER UPDATE OF ended_at ON public.sessions FOR EACH ROW WHEN (((old.ended_at IS NULL) AND (new.ended_at IS NOT NULL))) EXECUTE FUNCTION public.announce_session_end();

CREATE TRIGGER tg_pgqueuer_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.pgqueuer FOR EACH STATEMENT WHEN ((current_setting('hub.quiet'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION public.fn_pgqueuer_changed();

ALTER TABLE ONLY public.addresses
    ADD CONSTRAINT addresses_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.attention
    ADD CONSTRAINT attention_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id);

ALTER TABLE ONLY public.attention
    ADD CONSTRAINT attention_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.booking_travelers
    ADD CONSTRAINT booking_travelers_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.breaks
    ADD CONSTRAINT breaks_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id);

ALTER TABLE ONLY public.breaks
    ADD CONSTRAINT breaks_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.customer_spend
    ADD CONSTRAINT customer_spend_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.customer_stats
    ADD CONSTRAINT customer_stats_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.disputes
    ADD CONSTRAINT disputes_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.loyalty_entries
    ADD CONSTRAINT loyalty_entries_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id);

ALTER TABLE ONLY public.loyalty_entries
    ADD CONSTRAINT loyalty_entries_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.loyalty_entries
    ADD CONSTRAINT loyalty_entries_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.message_reports
    ADD CONSTRAINT message_reports_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.messages(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.trip_plans(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.sessions(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_token_id_fkey FOREIGN KEY (token_id) REFERENCES public.one_time_tokens(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT one_time_tokens_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.payment_pages
    ADD CONSTRAINT payment_pages_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.plan_attachments
    ADD CONSTRAINT plan_attachments_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.trip_plans(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.plan_events
    ADD CONSTRAINT plan_events_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.trip_plans(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.plan_grounds
    ADD CONSTRAINT plan_grounds_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.trip_plans(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.plan_makings
    ADD CONSTRAINT plan_makings_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.trip_plans(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.plan_versions
    ADD CONSTRAINT plan_versions_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.trip_plans(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.postings
    ADD CONSTRAINT postings_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES public.transactions(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.registrations
    ADD CONSTRAINT registrations_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_device_id_fkey FOREIGN KEY (device_id) REFERENCES public.devices(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.staff_recovery_codes
    ADD CONSTRAINT staff_recovery_codes_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES public.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.staff_second_factors
    ADD CONSTRAINT staff_second_factors_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES public.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.staff_sessions
    ADD CONSTRAINT staff_sessions_staff_id_fkey FOREIGN KEY (staff_id) REFERENCES public.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.supplier_orders
    ADD CONSTRAINT supplier_orders_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.transaction_audit_logs
    ADD CONSTRAINT transaction_audit_logs_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.transactions
    ADD CONSTRAINT transactions_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.bookings(id);

ALTER TABLE ONLY public.transactions
    ADD CONSTRAINT transactions_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.transactions
    ADD CONSTRAINT transactions_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.trip_plans
    ADD CONSTRAINT trip_plans_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE public.addresses ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.ai_budgets ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.ai_spending ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.attention ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_logs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.booking_travelers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.bookings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.breaks ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credentials ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.customer_spend ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.customer_stats ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.devices ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.discarded_files ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.disputes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flight_searches ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.invoice_series ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.invoices ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.loyalty_entries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.loyalty_rates ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.mail_limits ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_reports ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.one_time_tokens ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_addresses ON public.addresses FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_audit_logs ON public.audit_logs FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_bookings ON public.bookings FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_customer ON public.customers FOR SELECT TO authenticated USING ((id = auth.uid()));

CREATE POLICY own_customer_spend ON public.customer_spend FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_customer_stats ON public.customer_stats FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_devices ON public.devices FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_invoices ON public.invoices FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_loyalty_entries ON public.loyalty_entries FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_messages ON public.messages FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_payments ON public.payments FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_plan_attachments ON public.plan_attachments FOR SELECT TO authenticated USING ((EXISTS ( SELECT 1
   FROM public.trip_plans p
  WHERE ((p.id = plan_attachments.plan_id) AND (p.customer_id = auth.uid())))));

CREATE POLICY own_plan_makings ON public.plan_makings FOR SELECT TO authenticated USING ((EXISTS ( SELECT 1
   FROM public.trip_plans p
  WHERE ((p.id = plan_makings.plan_id) AND (p.customer_id = auth.uid())))));

CREATE POLICY own_plan_versions ON public.plan_versions FOR SELECT TO authenticated USING ((EXISTS ( SELECT 1
   FROM public.trip_plans p
  WHERE ((p.id = plan_versions.plan_id) AND (p.customer_id = auth.uid())))));

CREATE POLICY own_preferences ON public.preferences FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_refunds ON public.refunds FOR SELECT TO authenticated USING ((EXISTS ( SELECT 1
   FROM public.payments p
  WHERE ((p.id = refunds.payment_id) AND (p.customer_id = auth.uid())))));

CREATE POLICY own_sessions ON public.sessions FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_transactions ON public.transactions FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

CREATE POLICY own_travelers ON public.booking_travelers FOR SELECT TO authenticated USING ((EXISTS ( SELECT 1
   FROM public.bookings b
  WHERE ((b.id = booking_travelers.booking_id) AND (b.customer_id = auth.uid())))));

CREATE POLICY own_trip_plans ON public.trip_plans FOR SELECT TO authenticated USING ((customer_id = auth.uid()));

ALTER TABLE public.payment_pages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.payments ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.pgqueuer ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.pgqueuer_log ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.pgqueuer_schedules ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.pgqueuer_statistics ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.plan_attachments ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.plan_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.plan_grounds ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.plan_makings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.plan_versions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.postings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.preferences ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.provider_calls ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.proxy_sightings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.reconciliations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.recovery_codes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.refresh_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.refunds ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.registrations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.row_failures ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.schedules ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.schema_migrations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.second_factors ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sign_in_failures ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.signing_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.staff ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.staff_recovery_codes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.staff_second_factors ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.staff_sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.supplier_orders ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.suppressions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.transaction_audit_logs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.transactions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.trip_plans ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.webhook_events ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA auth TO anon;
GRANT USAGE ON SCHEMA auth TO authenticated;
GRANT USAGE ON SCHEMA auth TO service_role;

GRANT USAGE ON SCHEMA public TO anon;
GRANT USAGE ON SCHEMA public TO authenticated;

REVOKE ALL ON FUNCTION public.ai_reserve(spending uuid, at timestamp with time zone, user_id uuid, plan_id uuid, purpose text, amount bigint, currency text, lapses_at timestamp with time zone, user_limit bigint, plan_limit bigint, global_limit bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.ai_scopes(user_id uuid, plan_id uuid, day date) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.ai_settle(spending uuid, at timestamp with time zone, new_status text, cost bigint, model text, outcome text, input_tokens bigint, output_tokens bigint, cached_tokens bigint, estimated boolean, attempts jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.announce_session_end() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.discard_file() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.end_sessions(customer uuid, at timestamp with time zone, because text, except_session uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.keep_invoice() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.keep_loyalty() FROM PUBLIC;

GRANT SELECT ON TABLE public.addresses TO authenticated;

GRANT SELECT ON TABLE public.audit_logs TO authenticated;

GRANT SELECT ON TABLE public.booking_travelers TO authenticated;

GRANT SELECT ON TABLE public.bookings TO authenticated;

GRANT SELECT ON TABLE public.customer_spend TO authenticated;

GRANT SELECT ON TABLE public.customer_stats TO authenticated;

GRANT SELECT ON TABLE public.customers TO authenticated;

GRANT SELECT ON TABLE public.devices TO authenticated;

GRANT SELECT ON TABLE public.invoices TO authenticated;

GRANT SELECT ON TABLE public.loyalty_entries TO authenticated;

GRANT SELECT ON TABLE public.messages TO authenticated;

GRANT SELECT ON TABLE public.payments TO authenticated;

GRANT SELECT ON TABLE public.plan_attachments TO authenticated;

GRANT SELECT ON TABLE public.plan_makings TO authenticated;

GRANT SELECT ON TABLE public.plan_versions TO authenticated;

GRANT SELECT ON TABLE public.preferences TO authenticated;

GRANT SELECT ON TABLE public.refunds TO authenticated;

GRANT SELECT ON TABLE public.sessions TO authenticated;

GRANT SELECT ON TABLE public.transactions TO authenticated;

GRANT SELECT ON TABLE public.trip_plans TO authenticated;
