-- The first house: events as they came, what they mean (calls, messages, recordings), what we promised because of them
-- (jobs, notifications, deliveries), and who may ask (api_keys). Ranks repeat shared/domain/status.py; a test compares.

create function message_rank(status text) returns int language sql immutable strict parallel safe as $$
    select case status
        when 'accepted' then 0 when 'scheduled' then 0 when 'receiving' then 0
        when 'queued' then 1 when 'sending' then 2 when 'sent' then 3 when 'partially_delivered' then 4
        when 'received' then 5 when 'failed' then 5 when 'canceled' then 5 when 'undelivered' then 5
        when 'delivered' then 6 when 'read' then 7 else -1 end
$$;

create function call_rank(status text) returns int language sql immutable strict parallel safe as $$
    select case status
        when 'queued' then 0 when 'initiated' then 1 when 'ringing' then 2 when 'in-progress' then 3
        when 'completed' then 4 when 'busy' then 4 when 'failed' then 4 when 'no-answer' then 4 when 'canceled' then 4
        else -1 end
$$;

create function recording_rank(state text) returns int language sql immutable strict parallel safe as $$
    select case state
        when 'announced' then 0 when 'available' then 1 when 'fetched' then 2 when 'verified' then 3 when 'stored' then 4
        when 'absent' then 5 when 'failed' then 5 when 'deleted' then 6 else -1 end
$$;

create function send_rank(state text) returns int language sql immutable strict parallel safe as $$
    select case state
        when 'queued' then 0 when 'sending' then 1 when 'unknown' then 2 when 'handed' then 3 when 'refused' then 3
        else -1 end
$$;

-- What happened at Twilio, once, as it was posted. The key is semantic: retry, recovery and replay meet here.
create table events (
    key           text primary key,
    event_id      text not null unique,
    kind          text not null,
    provenance    text not null check (provenance in ('webhook', 'reconcile', 'replay')),
    account_sid   text not null,
    sids          text[] not null,
    path          text not null,
    query         text not null default '',
    content_type  text not null default '',
    token         text not null default '',
    answer        text not null default '',
    body          bytea not null,
    body_sha256   bytea not null check (length(body_sha256) = 32),
    received_at   timestamptz not null,
    stored_at     timestamptz not null default now(),
    processed_at  timestamptz,
    outcome       text
);
create index events_by_sid on events using gin (sids);
create index events_by_time on events (received_at desc, key);

-- The same key with another body: the first one stands, the other is kept for a person to compare.
create table event_conflicts (
    event_id     text primary key,
    key          text not null,
    token        text not null default '',
    body         bytea not null,
    received_at  timestamptz not null,
    noted_at     timestamptz not null default now()
);

-- Records that could not be read or processed. Nothing is dropped: each waits here for a person and a replay.
create table set_aside (
    event_id    text primary key,
    record      bytea not null,
    reason      text not null,
    tries       int not null,
    at          timestamptz not null default now(),
    redriven_at timestamptz
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is what was posted and does not change', tg_table_name;
end $$;
create trigger events_are_immutable before update of key, event_id, kind, account_sid, body, body_sha256, received_at
    on events for each row
    when (old.key is distinct from new.key or old.event_id is distinct from new.event_id
        or old.kind is distinct from new.kind or old.account_sid is distinct from new.account_sid
        or old.body is distinct from new.body or old.body_sha256 is distinct from new.body_sha256
        or old.received_at is distinct from new.received_at)
    execute function refuse_change();

create table numbers (
    phone_number    text primary key check (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
    tenant_id       text,
    forward_to      text check (forward_to ~ '^\+[1-9][0-9]{6,14}$'),
    ring_timeout_s  int not null default 20 check (ring_timeout_s between 5 and 600),
    record_calls    boolean not null default false,
    voicemail       boolean not null default true,
    greeting        text check (length(greeting) <= 1000),
    pns_status      text,
    pns_checked_at  timestamptz,
    updated_at      timestamptz not null default now()
);
create index numbers_by_tenant on numbers (tenant_id);

create table calls (
    id              uuid primary key default gen_random_uuid(),
    call_sid        text not null unique,
    parent_call_sid text,
    account_sid     text not null,
    tenant_id       text,
    direction       text not null default 'inbound',
    from_number     text not null default '',
    to_number       text not null default '',
    status          text not null check (call_rank(status) >= 0),
    route           text check (route in ('forward', 'voicemail')),
    dial_status     text check (dial_status in ('completed', 'answered', 'busy', 'no-answer', 'failed', 'canceled')),
    dial_bridged    boolean,
    duration_s      int check (duration_s >= 0),
    decision        text check (decision in ('answered', 'missed')),
    decided_at      timestamptz,
    started_at      timestamptz not null,
    ended_at        timestamptz,
    updated_at      timestamptz not null default now(),
    check ((decision is null) = (decided_at is null)),
    check (ended_at is null or call_rank(status) = 4)
);
create index calls_by_parent on calls (parent_call_sid) where parent_call_sid is not null;

create table messages (
    id                    uuid primary key default gen_random_uuid(),
    message_sid           text unique,
    account_sid           text,
    tenant_id             text,
    client                text,
    idempotency_key       text,
    direction             text not null check (direction in ('inbound', 'outbound')),
    from_number           text not null default '',
    to_number             text not null,
    body                  text not null default '',
    media                 jsonb not null default '[]',
    status                text check (message_rank(status) >= 0),
    send_state            text check (send_rank(send_state) >= 0),
    sending_since         timestamptz,
    error_code            int,
    error_reason          text,
    segments              int,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),
    check ((direction = 'outbound') = (send_state is not null)),
    check (direction = 'outbound' or status is not null),
    check (send_state is distinct from 'handed' or message_sid is not null)
);
create unique index messages_once_per_client on messages (client, idempotency_key) where idempotency_key is not null;
create index messages_by_time on messages (created_at desc, id);
create index messages_by_client on messages (client, created_at desc, id);

create table recordings (
    recording_sid  text primary key,
    call_sid       text not null default '',
    account_sid    text not null,
    state          text not null check (recording_rank(state) >= 0),
    duration_s     int check (duration_s >= 0),
    channels       int check (channels between 1 and 2),
    source         text,
    object_key     text unique,
    content_type   text,
    size_bytes     bigint check (size_bytes > 0),
    sha256         bytea check (length(sha256) = 32),
    error_reason   text,
    announced_at   timestamptz not null default now(),
    stored_at      timestamptz,
    updated_at     timestamptz not null default now(),
    check (recording_rank(state) <> 4
        or (object_key is not null and sha256 is not null and size_bytes is not null and stored_at is not null))
);
create index recordings_by_call on recordings (call_sid);

-- Which conversation of as-call-service belongs to a customer and a business number.
create table conversations (
    tenant_id        text not null,
    business_phone   text not null,
    customer_phone   text not null,
    conversation_id  text not null,
    opened_at        timestamptz not null default now(),
    primary key (tenant_id, business_phone, customer_phone)
);

-- Every promise of work. A Celery message only names a row of this table; the row is the truth about it.
create table jobs (
    id           bigint generated always as identity primary key,
    kind         text not null check (kind in ('sms.send', 'call.end', 'call.settle', 'recording.fetch', 'deliver',
                                                 'as-call')),
    ref          text not null,
    order_key    text,
    state        text not null default 'due' check (state in ('due', 'done', 'failed')),
    attempts     int not null default 0,
    fence        int not null default 0,
    next_at      timestamptz not null default now(),
    hint_at      timestamptz not null default now(),
    lease_until  timestamptz,
    last_error   text,
    created_at   timestamptz not null default now(),
    finished_at  timestamptz,
    unique (kind, ref),
    check ((state = 'due') = (finished_at is null))
);
create index jobs_due on jobs (greatest(next_at, hint_at)) where state = 'due';
create index jobs_given_up on jobs (finished_at) where state = 'failed';
create index jobs_in_order on jobs (order_key, id) where state = 'due' and order_key is not null;

create table endpoints (
    id           text primary key check (id ~ '^[a-z0-9-]{1,64}$'),
    url          text not null,
    adapter      text not null default 'standard' check (adapter in ('standard', 'as-call-service')),
    secret       text not null,
    types        text[] not null default '{}',
    tenant_id    text,
    enabled      boolean not null default true,
    created_at   timestamptz not null default now()
);

create table notifications (
    id           uuid primary key,
    type         text not null,
    subject      text not null,
    tenant_id    text,
    order_key    text not null,
    data         jsonb not null,
    created_at   timestamptz not null default now()
);
create index notifications_by_subject on notifications (subject);

create table deliveries (
    id               bigint generated always as identity primary key,
    notification_id  uuid not null references notifications,
    endpoint_id      text not null references endpoints,
    http_status      int,
    outcome          text check (outcome in ('delivered', 'skipped', 'failed')),
    finished_at      timestamptz,
    unique (notification_id, endpoint_id)
);

create table api_keys (
    id            text primary key,
    digest        bytea not null check (length(digest) = 32),
    client        text not null,
    scopes        text[] not null,
    created_at    timestamptz not null default now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz
);

-- Idempotency-Key of our own API: the first answer is kept and repeated (IETF draft "The Idempotency-Key HTTP Header").
create table idempotency (
    client       text not null,
    method       text not null,
    path         text not null,
    key          text not null,
    fingerprint  bytea not null,
    status       int,
    headers      jsonb,
    body         text,
    created_at   timestamptz not null default now(),
    primary key (client, method, path, key)
);
create index idempotency_by_age on idempotency (created_at);

-- One row per tick that some beat has claimed, so any number of beats run a task once.
create table beat_slots (
    task        text not null,
    slot        timestamptz not null,
    claimed_at  timestamptz not null default now(),
    primary key (task, slot)
);
