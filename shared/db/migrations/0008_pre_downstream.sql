-- Subscribers as parties of their own: how fast, how many at once, with which headers, whether they answer; each attempt to
-- tell them; what is told once more.

alter table endpoints
    add column description text not null default '' check (length(description) <= 500),
    add column headers jsonb not null default '{}' check (jsonb_typeof(headers) = 'object'),
    -- While a secret is being replaced both sign, until this time.
    add column previous_secret text,
    add column previous_until timestamptz,
    -- Null: as fast as it answers. `concurrency`: requests under way at once.
    add column rate_per_s double precision check (rate_per_s > 0),
    add column concurrency smallint not null default 8 check (concurrency between 1 and 64),
    add column disabled_reason text check (disabled_reason in ('asked', 'gone', 'failing')),
    add column disabled_at timestamptz,
    add column updated_at timestamptz not null default now(),
    add column deleted_at timestamptz,
    add column version int not null default 1 check (version > 0),
    add check ((previous_secret is null) = (previous_until is null)),
    add check (deleted_at is null or not enabled);
update endpoints set disabled_reason = 'asked', disabled_at = now() where not enabled;
alter table endpoints
    add check ((disabled_reason is null) = enabled),
    add check ((disabled_at is null) = enabled);

-- What is known of how an endpoint answers. Its row is locked while work of it is taken, never while it is told.
create table endpoint_states (
    endpoint_id      text primary key references endpoints,
    circuit          text not null default 'closed' check (circuit in ('closed', 'open', 'half-open')),
    failures         int not null default 0 check (failures >= 0),
    opens            int not null default 0 check (opens >= 0),
    opened_at        timestamptz,
    probe_at         timestamptz,
    failing_since    timestamptz,
    last_success_at  timestamptz,
    paused_until     timestamptz,
    -- Theoretical arrival time of the next request, where a rate is kept (generic cell rate algorithm).
    free_at          timestamptz not null default 'epoch',
    taken_at         timestamptz not null default 'epoch',
    check ((circuit = 'closed') = (probe_at is null))
);
insert into endpoint_states (endpoint_id) select id from endpoints;
create function begin_endpoint_state() returns trigger language plpgsql as $$
begin
    insert into endpoint_states (endpoint_id) values (new.id);
    return null;
end $$;
create trigger endpoints_have_states after insert on endpoints for each row execute function begin_endpoint_state();

-- Telling once more, over a range of time: which notifications, to whom, how fast.
create table replays (
    id            bigint generated always as identity primary key,
    endpoint_id   text not null references endpoints,
    since         timestamptz not null,
    until         timestamptz not null,
    types         text[] not null default '{}',
    tenant_id     text,
    subject       text,
    -- Of those notifications the ones that this endpoint: has had (delivered), could not be told (failed), was never told
    -- (missing). Any of them may be asked for together.
    outcomes      text[] not null check (outcomes <> '{}' and outcomes <@ array['delivered', 'failed', 'missing']),
    rate_per_s    real not null check (rate_per_s > 0),
    state         text not null default 'running' check (state in ('running', 'done', 'canceled')),
    -- (created_at, id) of the last notification looked at.
    cursor_at     timestamptz,
    cursor_id     uuid,
    made          int not null default 0,
    -- Theoretical arrival time of the next delivery: what keeps the rate, over any number of runs and workers.
    free_at       timestamptz not null default now(),
    canceled_why  text check (canceled_why in ('asked', 'endpoint_deleted', 'internal_error')),
    asked_by      text not null,
    created_at    timestamptz not null default now(),
    finished_at   timestamptz,
    check (since < until),
    check ((state = 'running') = (finished_at is null)),
    check ((state = 'canceled') = (canceled_why is not null)),
    check ((cursor_at is null) = (cursor_id is null))
);
create index replays_by_endpoint on replays (endpoint_id, id desc);
create index replays_running on replays (endpoint_id) where state = 'running';
create index notifications_in_time on notifications (created_at, id);

alter table deliveries
    drop constraint deliveries_notification_id_endpoint_id_key,
    drop constraint deliveries_outcome_check,
    add constraint deliveries_outcome_check check (outcome in ('delivered', 'skipped', 'failed', 'canceled')),
    add column replay_id bigint references replays,
    add column attempts int not null default 0,
    add column last_error text,
    add column created_at timestamptz not null default now();
create unique index deliveries_once on deliveries (notification_id, endpoint_id, coalesce(replay_id, 0));
create index deliveries_by_endpoint on deliveries (endpoint_id, id desc);
create index deliveries_dead on deliveries (endpoint_id, id) where outcome = 'failed';
create index deliveries_waiting on deliveries (endpoint_id, id) where outcome is null;
create index deliveries_of_replay on deliveries (replay_id, id) where replay_id is not null;
-- What was given up before attempts were kept: why, as its job has it.
update deliveries set last_error = jobs.last_error from jobs
 where deliveries.outcome = 'failed' and jobs.kind in ('deliver', 'as-call') and jobs.ref = deliveries.id::text;

-- One row a request to a subscriber, and what it answered.
create table delivery_attempts (
    delivery_id  bigint not null references deliveries on delete cascade,
    -- As its delivery has it: the newest of one endpoint are found without those of the others.
    endpoint_id  text not null,
    nth          int not null check (nth > 0),
    at           timestamptz not null,
    duration_ms  int not null check (duration_ms >= 0),
    http_status  int,
    error        text,
    answer       text not null default '' check (length(answer) <= 1000),
    primary key (delivery_id, nth)
);
create index delivery_attempts_in_time on delivery_attempts (at);
create index delivery_attempts_by_endpoint on delivery_attempts (endpoint_id, at desc, delivery_id desc, nth desc);

-- When pns-provisioning-service was last asked in vain whose a number is; null once it has answered.
alter table numbers add column pns_unanswered_at timestamptz;

-- Which hours have been told as `report.hourly`, in which revision, and of which tenants (null: numbers without an owner).
create table reported_hours (
    hour      timestamptz not null check (hour = date_trunc('hour', hour, 'UTC')),
    revision  smallint not null check (revision in (1, 2)),
    tenants   text[] not null default '{}',
    told_at   timestamptz not null default now(),
    primary key (hour, revision)
);

-- Work of a group (an endpoint's) is not hinted job by job: the relay takes what the group may have in hand.
alter table jobs
    drop constraint jobs_kind_check,
    add constraint jobs_kind_check check (kind in ('sms.send', 'bulk.expand', 'call.end', 'call.settle', 'call.control',
                                                   'call.place', 'recording.fetch', 'recording.expect', 'recording.release',
                                                   'recording.delete', 'transcription.request', 'transcription.settle',
                                                   'deliver', 'as-call', 'replay.expand')),
    add column group_key text,
    add check (group_key is null or pace_key is null);
update jobs set group_key = d.endpoint_id from deliveries d
 where jobs.kind in ('deliver', 'as-call') and jobs.ref = d.id::text and jobs.state = 'due';
create index jobs_of_group on jobs (group_key, next_at, id) where state = 'due' and group_key is not null and hint_at < 'infinity';
create index jobs_of_group_in_hand on jobs (group_key, lease_until) where state = 'due' and group_key is not null
    and lease_until is not null;
