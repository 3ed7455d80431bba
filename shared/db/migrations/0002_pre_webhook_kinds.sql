-- Every kind of webhook has a place: who answered, what was typed and said, transcriptions, alerts, opt-out words. Standings
-- break ties between ends of one rank, so that the same callbacks end the same in every order; they repeat
-- shared/domain/status.py.

create function message_standing(status text) returns int language sql immutable strict parallel safe as $$
    select case when message_rank(status) < 0 then -1 else message_rank(status) * 16 + array_position(array[
        'accepted', 'scheduled', 'receiving', 'queued', 'sending', 'sent', 'partially_delivered', 'received', 'failed',
        'canceled', 'undelivered', 'delivered', 'read'], status) - 1 end
$$;

create function call_standing(status text) returns int language sql immutable strict parallel safe as $$
    select case when call_rank(status) < 0 then -1 else call_rank(status) * 16 + array_position(array[
        'queued', 'initiated', 'ringing', 'in-progress', 'canceled', 'no-answer', 'failed', 'busy', 'completed'],
        status) - 1 end
$$;

-- Of several dials in one call the one that was answered counts.
create function dial_standing(status text) returns int language sql immutable strict parallel safe as $$
    select case status
        when 'canceled' then 0 when 'failed' then 1 when 'no-answer' then 2 when 'busy' then 3 when 'answered' then 4
        when 'completed' then 5 else -1 end
$$;

create function answered_by_rank(who text) returns int language sql immutable strict parallel safe as $$
    select case who
        when 'unknown' then 0 when 'human' then 1 when 'machine_start' then 1 when 'fax' then 1
        when 'machine_end_other' then 2 when 'machine_end_silence' then 2 when 'machine_end_beep' then 2 else -1 end
$$;

create function answered_by_standing(who text) returns int language sql immutable strict parallel safe as $$
    select case when answered_by_rank(who) < 0 then -1 else answered_by_rank(who) * 16 + array_position(array[
        'unknown', 'human', 'machine_start', 'fax', 'machine_end_other', 'machine_end_silence', 'machine_end_beep'],
        who) - 1 end
$$;

create function transcription_rank(status text) returns int language sql immutable strict parallel safe as $$
    select case status when 'in-progress' then 0 when 'completed' then 1 when 'failed' then 2 else -1 end
$$;

alter table calls
    add column answered_by text check (answered_by_rank(answered_by) >= 0),
    add column detection_ms int check (detection_ms >= 0);

alter table messages
    add column opt_out_type text check (opt_out_type in ('STOP', 'START', 'HELP')),
    add column messaging_service_sid text,
    add column price numeric(12, 6),
    add column price_unit text check (price_unit ~ '^[A-Z]{3}$'),
    add column carrier_done_at timestamptz,
    add check (opt_out_type is null or direction = 'inbound');

alter table recordings
    add column track text check (track in ('inbound', 'outbound', 'both')),
    add column started_at timestamptz,
    add column error_code int check (error_code > 0);

-- What a caller typed or said when asked; a partial result is one while the caller still speaks.
create table call_inputs (
    event_key   text primary key,
    call_sid    text not null,
    digits      text,
    speech      text,
    confidence  real check (confidence between 0 and 1),
    is_partial  boolean not null default false,
    sequence    int,
    heard_at    timestamptz not null
);
create index call_inputs_by_call on call_inputs (call_sid, heard_at);

create table transcriptions (
    transcription_sid  text primary key,
    call_sid           text not null default '',
    recording_sid      text not null default '',
    account_sid        text not null,
    status             text not null check (transcription_rank(status) >= 0),
    text               text not null default '',
    language           text,
    error_code         int check (error_code > 0),
    started_at         timestamptz not null,
    updated_at         timestamptz not null default now()
);
create index transcriptions_by_call on transcriptions (call_sid) where call_sid <> '';
create index transcriptions_by_recording on transcriptions (recording_sid) where recording_sid <> '';

-- Real-time transcription comes in pieces; a piece's number counts within its track only.
create table transcription_parts (
    transcription_sid  text not null references transcriptions,
    track              text not null check (track in ('inbound_track', 'outbound_track', 'both_tracks')),
    sequence           int not null check (sequence >= 0),
    text               text not null,
    confidence         real check (confidence between 0 and 1),
    language           text,
    is_final           boolean not null,
    spoken_at          timestamptz not null,
    primary key (transcription_sid, track, sequence)
);

-- What Twilio complains of: its debugger's webhook, or a request at a fallback address.
create table alerts (
    event_key     text primary key,
    source        text not null check (source in ('debugger', 'call-fallback', 'msg-fallback')),
    sid           text,
    level         text not null check (level in ('error', 'warning')),
    code          int check (code > 0),
    resource_sid  text,
    url           text,
    account_sid   text not null,
    at            timestamptz not null
);
create index alerts_by_time on alerts (at desc, event_key);
create index alerts_by_resource on alerts (resource_sid) where resource_sid is not null;
