-- Recordings as a chain of custody: when each step was taken, what was stored and is still intact, how long it is kept, who
-- held it back from deletion, who deleted what, and who has heard it. Ranks and words repeat shared/domain.

-- "absent" and "failed" stand below "stored" now: sound that was had after all proves more than the word that there is none.
create or replace function recording_rank(state text) returns int language sql immutable strict parallel safe as $$
    select case state
        when 'announced' then 0 when 'available' then 1 when 'fetched' then 2 when 'verified' then 3
        when 'absent' then 4 when 'failed' then 4 when 'stored' then 5 when 'provider-deleted' then 6
        when 'deleted' then 7 else -1 end
$$;

do $$
declare old record;
begin
    for old in select conname from pg_constraint
                where conrelid = 'recordings'::regclass and pg_get_constraintdef(oid) like '%recording_rank(state) <> 4%' loop
        execute format('alter table recordings drop constraint %I', old.conname);
    end loop;
end $$;

alter table recordings
    add column available_at timestamptz,
    add column fetched_at timestamptz,
    add column verified_at timestamptz,
    add column absent_at timestamptz,
    add column failed_at timestamptz,
    add column provider_deleted_at timestamptz,
    add column deleted_at timestamptz,
    -- SHA-256 of each MiB of the sound, one after the other: a range that is read can be checked without reading it all.
    add column blocks bytea check (length(blocks) % 32 = 0),
    -- What the store answered: its encryption, version, checksum as it confirmed them.
    add column store_receipt jsonb,
    -- The copy that `object_key` names. What turned out to be damaged is fetched again beside it, never over it.
    add column copy int not null default 1 check (copy >= 1),
    add column retention_class text check (retention_class ~ '^[a-z][a-z0-9-]{0,39}$'),
    -- When the stored copy was last read back and compared, and what was found wrong with it.
    add column checked_at timestamptz,
    add column damage text check (damage in ('missing', 'truncated', 'changed', 'unreadable')),
    add column damaged_at timestamptz,
    add check ((damage is null) = (damaged_at is null));

update recordings set
    available_at = case when state in ('available', 'fetched', 'verified', 'stored') then announced_at end,
    fetched_at = case when state in ('fetched', 'verified', 'stored') then updated_at end,
    verified_at = case when state in ('verified', 'stored') then updated_at end,
    absent_at = case when state = 'absent' then updated_at end,
    failed_at = case when state = 'failed' then updated_at end,
    deleted_at = case when state = 'deleted' then updated_at end;

-- Each state has its time, whoever writes it; and none is ever taken back.
create function stamp_recording() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and recording_rank(new.state) < recording_rank(old.state) then
        raise exception 'a recording does not go back from % to %', old.state, new.state using errcode = 'check_violation';
    end if;
    case new.state
        when 'available' then new.available_at := coalesce(new.available_at, now());
        when 'fetched' then new.fetched_at := coalesce(new.fetched_at, now());
        when 'verified' then new.verified_at := coalesce(new.verified_at, now());
        when 'stored' then new.stored_at := coalesce(new.stored_at, now());
        when 'absent' then new.absent_at := coalesce(new.absent_at, now());
        when 'failed' then new.failed_at := coalesce(new.failed_at, now());
        when 'provider-deleted' then new.provider_deleted_at := coalesce(new.provider_deleted_at, now());
        when 'deleted' then new.deleted_at := coalesce(new.deleted_at, now());
        else null;
    end case;
    return new;
end $$;
create trigger recordings_stamped before insert or update of state on recordings
    for each row execute function stamp_recording();

alter table recordings
    add constraint recordings_stored_whole check (state not in ('stored', 'provider-deleted')
        or (object_key is not null and sha256 is not null and size_bytes is not null and stored_at is not null)),
    add constraint recordings_have_their_time check (case state
        when 'available' then available_at is not null when 'fetched' then fetched_at is not null
        when 'verified' then verified_at is not null when 'absent' then absent_at is not null
        when 'failed' then failed_at is not null when 'provider-deleted' then provider_deleted_at is not null
        when 'deleted' then deleted_at is not null else true end);
create index recordings_kept on recordings (stored_at, recording_sid) where state in ('stored', 'provider-deleted');
create index recordings_to_check on recordings (checked_at nulls first, recording_sid)
    where state in ('stored', 'provider-deleted');
create index recordings_damaged on recordings (damaged_at) where damage is not null;
create index recordings_by_time on recordings (announced_at desc, recording_sid desc);

-- How loud it is, for people who would rather look: per channel the same number of peaks, 0-255, one channel after the other.
create table recording_waveforms (
    recording_sid  text primary key references recordings,
    channels       int not null check (channels between 1 and 2),
    peaks          bytea not null check (length(peaks) > 0 and length(peaks) % channels = 0)
);

-- How long a tenant's recordings of a class are kept here and at Twilio. Tenant '' is everybody without a row of their own.
create table retention_classes (
    tenant_id    text not null,
    class        text not null check (class ~ '^[a-z][a-z0-9-]{0,39}$'),
    keep_days    int check (keep_days >= 1),         -- null: until somebody deletes it
    twilio_days  int check (twilio_days >= 0),       -- after it was stored here; null: as long as here
    changed_by   text not null,
    changed_at   timestamptz not null default now(),
    primary key (tenant_id, class)
);

-- What must not be deleted, whatever the class says: one recording, all of a call, or all of a tenant.
create table recording_holds (
    id             uuid primary key default gen_random_uuid(),
    recording_sid  text,
    call_sid       text,
    tenant_id      text,
    reason         text not null check (length(reason) between 1 and 500),
    placed_by      text not null,
    placed_at      timestamptz not null default now(),
    lifted_by      text,
    lifted_at      timestamptz,
    check (num_nonnulls(recording_sid, call_sid, tenant_id) = 1),
    check ((lifted_by is null) = (lifted_at is null))
);
create index recording_holds_in_force on recording_holds (recording_sid, call_sid, tenant_id) where lifted_at is null;

-- Whose deletion was asked for, by whom and why. From this moment it is served to nobody.
create table recording_deletions (
    recording_sid  text primary key references recordings,
    reason         text not null check (reason in ('retention', 'request', 'privacy')),
    note           text check (length(note) <= 500),
    asked_by       text not null,
    asked_at       timestamptz not null default now(),
    -- From here on the first copy may be gone, so that no hold helps any more.
    begun_at       timestamptz,
    done_at        timestamptz
);
create index recording_deletions_open on recording_deletions (asked_at) where done_at is null;

-- What proves a deletion: where, when, what (its checksum), and what Twilio or the store answered.
create table recording_receipts (
    recording_sid  text not null references recordings,
    place          text not null check (place in ('twilio', 'store')),
    object_key     text not null default '',
    at             timestamptz not null default now(),
    detail         jsonb not null default '{}' check (jsonb_typeof(detail) = 'object'),
    primary key (recording_sid, place, object_key)
);

-- Who did what to whose data, and for what. Nothing here changes or goes.
create table audit (
    id          bigint generated always as identity primary key,
    at          timestamptz not null default now(),
    actor       text not null,
    action      text not null check (action ~ '^[a-z][a-z_]*(\.[a-z_]+)+$'),
    subject     text not null,
    tenant_id   text,
    purpose     text check (length(purpose) <= 200),
    request_id  text,
    detail      jsonb not null default '{}' check (jsonb_typeof(detail) = 'object')
);
create index audit_by_subject on audit (subject, id);
create index audit_by_tenant on audit (tenant_id, id) where tenant_id is not null;
create function keep_audit() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is only added to';
end $$;
create trigger audit_kept before update or delete on audit for each row execute function keep_audit();

-- A key may be bound to one tenant: then nothing of another tenant exists for it.
alter table api_keys add column tenant_id text;

alter table transcriptions
    add column provider text not null default 'twilio' check (provider in ('twilio', 'http')),
    add column confidence real check (confidence between 0 and 1),
    -- How many numbers of cards and the like were taken out before it was stored.
    add column redactions int not null default 0 check (redactions >= 0),
    -- What an engine heard when: [{"start_s": 0.0, "end_s": 2.5, "text": "..."}]
    add column segments jsonb check (jsonb_typeof(segments) = 'array'),
    add column error_reason text,
    -- What Twilio was told to call the tracks of a live one: {"inbound_track": "customer"}
    add column labels jsonb check (jsonb_typeof(labels) = 'object'),
    -- When subscribers were told how it ended: once, whatever is heard after that.
    add column told_at timestamptz;
-- Of what is longer than an hour of speech the beginning can be found. A tsvector holds 1 MB.
create index transcriptions_by_words on transcriptions using gin (to_tsvector('simple', left(text, 200000)));

-- What was posted does not change, but for words that must not be kept: a secret that a later piece has completed, or all of
-- them once their recording is deleted. Whoever takes them out says when; the digest stays that of what came.
alter table events add column words_out_at timestamptz;
alter table event_conflicts add column words_out_at timestamptz;
drop trigger events_are_immutable on events;
create trigger events_are_immutable before update of key, event_id, kind, account_sid, body, body_sha256, received_at
    on events for each row
    when (old.key is distinct from new.key or old.event_id is distinct from new.event_id
        or old.kind is distinct from new.kind or old.account_sid is distinct from new.account_sid
        or old.body_sha256 is distinct from new.body_sha256 or old.received_at is distinct from new.received_at
        or (old.body is distinct from new.body and (old.words_out_at is not distinct from new.words_out_at
            or new.words_out_at is null or new.kind not in ('txn', 'rtt'))))
    execute function refuse_change();

alter table alerts
    drop constraint alerts_source_check,
    add constraint alerts_source_check check (source in ('debugger', 'call-fallback', 'msg-fallback', 'recording-missing',
                                                         'recording-damaged', 'recording-lost'));
create index alerts_of_stored_recordings on alerts (at desc, event_key) where source in ('recording-damaged', 'recording-lost');

alter table jobs
    drop constraint jobs_kind_check,
    add constraint jobs_kind_check check (kind in ('sms.send', 'bulk.expand', 'call.end', 'call.settle', 'call.control',
                                                   'call.place', 'recording.fetch', 'recording.expect', 'recording.release',
                                                   'recording.delete', 'transcription.request', 'transcription.settle',
                                                   'deliver', 'as-call'));
