-- Voice: routing as a versioned document per number, the life of a call with its legs, the one decision and what follows
-- from it, control of live calls, calls that we place, and consent to recording. Ranks and words repeat shared/domain.

alter table numbers
    add column routing jsonb not null default '{}' check (jsonb_typeof(routing) = 'object'),
    add column version int not null default 1 check (version >= 1),
    -- Whose the provisioning service said it was: a number that it gives to another has changed hands.
    add column pns_tenant_id text,
    -- The transaction that changed the row last: who reads changes asks for those since its last snapshot's oldest.
    add column changed xid8 not null default pg_current_xact_id();
update numbers set routing = jsonb_strip_nulls(jsonb_build_object(
    'targets', case when forward_to is null then '[]'::jsonb
                    else jsonb_build_array(jsonb_build_object('to', forward_to)) end,
    'ring_s', ring_timeout_s, 'voicemail', voicemail, 'greeting', greeting,
    'recording', jsonb_build_object('mode', case when record_calls then 'on' else 'off' end)));
create index numbers_by_change on numbers (changed);
create function note_change() returns trigger language plpgsql as $$
begin
    new.changed := pg_current_xact_id();
    return new;
end $$;
create trigger numbers_changed before update on numbers for each row execute function note_change();

-- Who changed a number's routing to what, and when. Nothing here changes or goes.
create table number_versions (
    phone_number  text not null references numbers,
    version       int not null check (version >= 1),
    tenant_id     text,
    routing       jsonb not null,
    changed_by    text not null,
    via           text not null check (via in ('api', 'cli', 'seed', 'platform', 'migration')),
    note          text check (length(note) <= 200),
    changed_at    timestamptz not null default now(),
    primary key (phone_number, version)
);
insert into number_versions (phone_number, version, tenant_id, routing, changed_by, via)
    select phone_number, version, tenant_id, routing, 'migration', 'migration' from numbers;
create function refuse_rewriting() returns trigger language plpgsql as $$
begin
    raise exception '% is what happened and does not change', tg_table_name;
end $$;
create trigger number_versions_stay before update or delete on number_versions
    for each row execute function refuse_rewriting();

-- How far a call got with us: what it was answered, of several answers the one that went furthest. After a menu a caller
-- may still be put through, after the voicemail's greeting no more.
create function route_rank(route text) returns int language sql immutable strict parallel safe as $$
    select case route when 'reject' then 0 when 'menu' then 1 when 'consent' then 2 when 'voicemail' then 3
        when 'forward' then 4 else -1 end
$$;
-- A decision only rises: whoever was taken for answered may prove missed, and a missed call, of which others know, stays so.
create function decision_rank(decision text) returns int language sql immutable strict parallel safe as $$
    select case decision when 'screened' then 0 when 'answered' then 1 when 'missed' then 2 else -1 end
$$;
-- Which of several dial results stands: one after which no other phone was rung, of those one that nobody took.
create function dial_weight(is_last boolean, status text, bridged boolean) returns int language sql immutable parallel safe as $$
    select case when status is null then -1 else
        case when not is_last then 0
             when status in ('canceled', 'failed', 'no-answer', 'busy') or (status = 'completed' and bridged is false) then 200
             else 100 end
        + dial_standing(status) * 3 + case when bridged then 2 when not bridged then 1 else 0 end end
$$;
create function consent_rank(consent text) returns int language sql immutable strict parallel safe as $$
    select case consent when 'not-needed' then 0 when 'announced' then 1 when 'asked' then 2 when 'asserted' then 3
        when 'given' then 4 when 'declined' then 5 else -1 end
$$;
create function consent_way_rank(way text) returns int language sql immutable strict parallel safe as $$
    select case way when 'none' then 0 when 'announce' then 1 when 'asserted' then 2 when 'press' then 3 else -1 end
$$;

alter table calls
    drop constraint calls_route_check,
    drop constraint calls_decision_check,
    add constraint calls_route_check check (route_rank(route) >= 0),
    -- screened: our own rules turned the caller away (blocked), so nobody missed anything.
    add constraint calls_decision_check check (decision_rank(decision) >= 0),
    -- Twilio has told of an end that no connection comes before (busy, no-answer, failed, canceled), whatever else it told.
    add column is_unanswered boolean not null default false,
    add column route_reason text,
    add column screening text check (screening in ('press', 'amd')),
    add column accepted boolean,           -- what the whisper's key said: true once it was pressed
    add column dial_ended boolean not null default false,  -- no other phone is rung after the dial result that is known
    add column dial_call_sid text,         -- the leg that the dial result speaks of
    add column dial_duration_s int check (dial_duration_s >= 0),
    add column sequence int check (sequence >= 0),         -- the highest SequenceNumber of its status callbacks
    add column sip_code int check (sip_code between 100 and 999),
    add column error_code int check (error_code > 0),
    add column stir text check (length(stir) <= 64),
    add column forwarded_from text,
    add column caller_name text check (length(caller_name) <= 128),
    -- What becomes of a missed call's text: asked of as-call-service, or why not.
    add column text_back text check (text_back in ('wanted', 'withheld', 'invalid', 'landline', 'own', 'blocked',
                                                    'unreachable', 'cooldown', 'stale', 'no-tenant', 'opted-out')),
    add column recording_wanted boolean not null default false,
    add column consent_way text check (consent_way_rank(consent_way) >= 0),
    add column consent text check (consent_rank(consent) >= 0),
    add column consent_rule jsonb;
-- The decisions before: as-call-service has been told of every missed call.
update calls set text_back = 'wanted' where decision = 'missed';
update calls set dial_ended = true where dial_status is not null;
update calls set is_unanswered = true where status in ('busy', 'no-answer', 'failed', 'canceled');
alter table calls
    add constraint calls_text_back_of_missed check ((decision is not distinct from 'missed') = (text_back is not null)),
    add constraint calls_consent_whole check ((consent_way is null) = (consent is null));
create index calls_by_time on calls (started_at desc, id);
create index calls_by_tenant on calls (tenant_id, started_at desc, id);
create index calls_by_business on calls (to_number, started_at desc) where direction = 'inbound';
create index calls_by_dialled_leg on calls (dial_call_sid) where dial_call_sid is not null;

-- What became of a call, step by step. Twilio's words once each; the earlier time stands, whichever is heard first.
create table call_steps (
    id        bigint generated always as identity primary key,
    call_sid  text not null,
    step      text not null check (step in ('incoming', 'status', 'dial', 'answered-by', 'whisper', 'accepted', 'choice',
                                            'voicemail', 'consent', 'decided', 'text-back', 'control', 'recording',
                                            'fallback', 'conflict')),
    name      text not null default '',  -- what tells two steps of one kind apart: the status, the leg, the key
    sequence  int,
    detail    jsonb,
    at        timestamptz not null,
    unique (call_sid, step, name)
);

-- What somebody asked us to do to a live call, and what came of it.
create table call_controls (
    id             uuid primary key default gen_random_uuid(),
    call_sid       text not null,
    action         text not null check (action in ('redirect', 'record-start', 'record-pause', 'record-resume', 'record-stop')),
    args           jsonb not null default '{}',
    client         text not null,
    state          text not null default 'requested' check (state in ('requested', 'done', 'refused', 'overtaken')),
    recording_sid  text,
    error_code     int,
    error_reason   text,
    created_at     timestamptz not null default now(),
    finished_at    timestamptz,
    check ((state = 'requested') = (finished_at is null))
);
create index call_controls_by_call on call_controls (call_sid, created_at);

-- Calls that we place. Creating one is not idempotent at Twilio: what is in doubt is looked up, and never dialled again.
create function place_rank(state text) returns int language sql immutable strict parallel safe as $$
    select case state
        when 'queued' then 0 when 'placing' then 1 when 'unknown' then 2 when 'canceled' then 3 when 'refused' then 3
        when 'placed' then 4 else -1 end
$$;
create table placed_calls (
    id               uuid primary key default gen_random_uuid(),
    call_sid         text unique,
    client           text not null,
    tenant_id        text,
    from_number      text not null,
    to_number        text not null,
    purpose          text not null check (purpose in ('conversation', 'transactional', 'marketing')),
    plan             jsonb not null,       -- what the callee hears and whom they are connected to
    state            text not null default 'queued' check (place_rank(state) >= 0),
    permission       jsonb,
    placing_since    timestamptz,
    error_code       int,
    error_reason     text,
    expires_at       timestamptz not null,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    check ((state = 'placed') = (call_sid is not null)),
    check (state not in ('placing', 'unknown') or placing_since is not null),
    check (state not in ('refused', 'canceled') or error_reason is not null)
);
create index placed_calls_by_person on placed_calls (to_number, created_at desc);
create index placed_calls_by_time on placed_calls (created_at desc, id);

-- The one text that a missed call brings its caller. Until they answer, the same text asked for again is this one.
create table text_backs (
    call_sid     text primary key,
    tenant_id    text not null,
    business     text not null,
    customer     text not null,
    decided_at   timestamptz not null default now(),
    message_id   uuid
);
create index text_backs_by_pair on text_backs (business, customer, decided_at desc);

-- A call that was to be recorded and of which no recording came: an alarm of our own, until it comes after all.
alter table alerts
    drop constraint alerts_source_check,
    add constraint alerts_source_check check (source in ('debugger', 'call-fallback', 'msg-fallback', 'recording-missing')),
    add column resolved_at timestamptz;
create index alerts_of_recordings on alerts (at desc, event_key) where source = 'recording-missing';

alter table jobs
    drop constraint jobs_kind_check,
    add constraint jobs_kind_check check (kind in ('sms.send', 'bulk.expand', 'call.end', 'call.settle', 'call.control',
                                                   'call.place', 'recording.fetch', 'recording.expect', 'deliver',
                                                   'as-call'));
