-- The sending engine: what a text is for and when it may go, who may be texted and who said so, how fast a sender may send,
-- what became of each text step by step, and texts to many people at once. Ranks repeat shared/domain/status.py.

-- A text that was given up, parked or called off, and of which Twilio then proves that it has it, is handed over all the same.
create or replace function send_rank(state text) returns int language sql immutable strict parallel safe as $$
    select case state
        when 'queued' then 0 when 'sending' then 1 when 'unknown' then 2 when 'parked' then 3
        when 'canceled' then 4 when 'refused' then 4 when 'handed' then 5 else -1 end
$$;

-- How a sender may be used. A sender without a row is used as its kind allows. `sender` is a phone number, a short code, an
-- alphanumeric sender or the SID of a Messaging Service; `service_sid` is the service that a number belongs to: its group.
create table senders (
    sender              text primary key,
    kind                text not null check (kind in ('long-code', 'toll-free', 'short-code', 'alphanumeric', 'service')),
    tenant_id           text,
    service_sid         text check (service_sid ~ '^MG[0-9a-f]{32}$'),
    segments_per_s      numeric(8, 3) check (segments_per_s > 0),
    segments_per_day    int check (segments_per_day > 0),
    paused_until        timestamptz,
    pause_reason        text,
    updated_at          timestamptz not null default now(),
    check ((paused_until is null) = (pause_reason is null))
);
create index senders_by_tenant on senders (tenant_id) where tenant_id is not null;
create index senders_by_service on senders (service_sid) where service_sid is not null;

-- A person keeps getting texts of one business from one number of its pool.
create table sticky_senders (
    tenant_id  text not null,
    to_number  text not null,
    sender     text not null,
    used_at    timestamptz not null default now(),
    primary key (tenant_id, to_number)
);

-- The pacing of a sender while Redis is away: when its next segment may go. Exact over all processes, but slower.
create table pace (
    key         text primary key,
    next_at     timestamptz not null
);

-- The account is left alone until then: its credentials are refused, or it is suspended.
create table account_pauses (
    account_sid  text primary key,
    until        timestamptz not null,
    reason       text not null
);

-- Texts to many people, asked for at once.
create table bulks (
    id               uuid primary key default gen_random_uuid(),
    client           text not null,
    tenant_id        text,
    request          jsonb not null,
    state            text not null default 'running' check (state in ('running', 'paused', 'canceled')),
    total            int not null check (total > 0),
    expanded         int not null default 0 check (expanded between 0 and total),
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now()
);
create index bulks_by_time on bulks (created_at desc, id);

-- One recipient of a bulk. `fault`: why no text was made for it; with neither it has not been looked at yet.
create table bulk_items (
    bulk_id     uuid not null references bulks,
    line        int not null check (line >= 0),
    said        jsonb not null,
    message_id  uuid,
    fault       jsonb,
    primary key (bulk_id, line),
    check (message_id is null or fault is null)
);

alter table messages
    add column purpose text check (purpose in ('conversation', 'transactional', 'marketing')),
    add column lane smallint check (lane between 0 and 2),
    add column send_at timestamptz,
    add column expires_at timestamptz,
    add column on_unknown text not null default 'resend' check (on_unknown in ('resend', 'park')),
    add column encoding text check (encoding in ('GSM-7', 'UCS-2')),
    add column planned_segments int check (planned_segments > 0),
    add column estimated_send_at timestamptz,
    add column bulk_id uuid references bulks,
    add column decision text check (decision in ('allowed', 'held', 'refused')),
    add column decision_rules jsonb,
    add column held_until timestamptz,
    add column consent_id uuid,
    add column decided_at timestamptz,
    add column is_conflicted boolean not null default false,
    -- A text that takes the place of one that Twilio took and lost: which one, and the how-manieth of its line it is.
    add column retry_of uuid,
    add column nth_try int not null default 1 check (nth_try > 0),
    add check ((retry_of is null) = (nth_try = 1)),
    add check ((decision is null) = (decided_at is null)),
    add check (decision is distinct from 'held' or held_until is not null);
-- However often Twilio says that a text failed, one takes its place.
create unique index messages_retried on messages (retry_of) where retry_of is not null;
create index messages_by_bulk on messages (bulk_id, id) where bulk_id is not null;
create index messages_by_recipient on messages (to_number, created_at desc);
create index messages_by_tenant on messages (tenant_id, created_at desc, id);

create index messages_by_sender on messages (from_number, created_at) where direction = 'outbound';

-- What became of an outgoing text, step by step, as GET /api/sms/{id} tells it. Twilio's words are steps too: `status`.
create table message_steps (
    id          bigint generated always as identity primary key,
    message_id  uuid not null references messages on delete cascade,
    step        text not null,
    status      text,
    error_code  int,
    detail      jsonb,
    at          timestamptz not null default now()
);
create index message_steps_by_message on message_steps (message_id, at, id);
-- Twilio repeats itself: a status with its error code is one step, whenever and however often it is heard.
create unique index message_steps_once on message_steps (message_id, step, status, error_code) nulls not distinct
    where step in ('status', 'conflict');
-- What was heard of texts before there were steps; "failed" was ours, not Twilio's, where we had refused.
update messages set status = null where send_state = 'refused' and message_sid is null;
insert into message_steps (message_id, step, status, error_code, at)
    select id, 'status', status, error_code, updated_at from messages where direction = 'outbound' and status is not null;

-- Who does not want our texts. `scope`: '*' for all of us, 'tenant:ID', or a sender group (the SID of a Messaging Service,
-- else the sender itself). A lifted row stays, as proof (47 CFR 64.1200(a)(10); Virginia asks for ten years).
create table opt_outs (
    id          bigint generated always as identity primary key,
    scope       text not null,
    number      text not null,
    source      text not null check (source in ('keyword', 'opt-out-type', 'free-form', '21610', 'api', 'cli')),
    evidence    jsonb,
    at          timestamptz not null default now(),
    lifted_at   timestamptz,
    lifted_by   text,
    check ((lifted_at is null) = (lifted_by is null))
);
create unique index opt_outs_in_force on opt_outs (number, scope) where lifted_at is null;
create index opt_outs_by_number on opt_outs (number, scope, lifted_at);
create index opt_outs_by_time on opt_outs (at desc, id);

-- Who has agreed to be texted about what.
create table consents (
    id           uuid primary key default gen_random_uuid(),
    tenant_id    text not null,
    number       text not null,
    purpose      text not null check (purpose in ('conversation', 'transactional', 'marketing')),
    kind         text not null check (kind in ('express', 'written', 'inquiry')),
    source       text not null,
    evidence     jsonb,
    granted_at   timestamptz not null default now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    revoked_by   text,
    check ((revoked_at is null) = (revoked_by is null))
);
create unique index consents_in_force on consents (number, tenant_id, purpose) where revoked_at is null;
create index consents_by_time on consents (granted_at desc, id);

-- Who has called or written lately may be answered.
create index messages_by_writer on messages (from_number, created_at desc) where direction = 'inbound';
create index calls_by_caller on calls (from_number, started_at desc) where direction = 'inbound';

-- Numbers to which a text cannot get, and until when we believe that: null is for good.
create table suppressions (
    number       text primary key,
    reason       text not null,
    twilio_code  int,
    since        timestamptz not null default now(),
    until        timestamptz
);

-- Paced work waits in the queue of its sender (`pace_key`), by lane, and within a lane in fair turns between its owners. It
-- sleeps with `hint_at` infinity, as what waits behind an order does, until the releaser lets it go. What must not go before
-- some time (schedule, quiet hours, a retry) is not `awake`: a sender's queue is never searched for what may go now.
alter table jobs
    drop constraint jobs_kind_check,
    add constraint jobs_kind_check check (kind in ('sms.send', 'bulk.expand', 'call.end', 'call.settle', 'recording.fetch',
                                                   'deliver', 'as-call')),
    add column pace_key text,
    add column lane smallint check (lane between 0 and 2),
    add column owner text,
    add column turn bigint,
    add column cost int check (cost > 0),
    add column awake boolean not null default true,
    add check ((pace_key is null) = (lane is null) and (pace_key is null) = (turn is null)
               and (pace_key is null) = (cost is null) and (pace_key is null) = (owner is null));
create index jobs_paced on jobs (pace_key, lane, turn, id) where state = 'due' and pace_key is not null and awake;
create index jobs_paced_by_owner on jobs (pace_key, lane, owner, turn) where state = 'due' and pace_key is not null;
-- What has been let go, and waits for a worker: few at any time.
create index jobs_released on jobs (lane, id) where state = 'due' and pace_key is not null and awake and hint_at < 'infinity';
create index jobs_asleep on jobs (next_at) where state = 'due' and not awake;

-- Rows that are written again within seconds have room beside them: a change that touches no indexed column then costs no
-- index (a heap-only tuple), and the space of the old version is used again without a vacuum. A text changes five times or
-- so, a job three times. An event is stored and marked as processed in one transaction, each once: without room for the
-- second version its four indexes, one of them GIN, were all written twice.
alter table messages set (fillfactor = 60);
alter table jobs set (fillfactor = 60);
alter table events set (fillfactor = 50);
