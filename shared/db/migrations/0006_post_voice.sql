-- Routing is one document now; the columns that it has taken the place of go when no older release reads them any more.
alter table numbers
    drop column forward_to, drop column ring_timeout_s, drop column record_calls, drop column voicemail, drop column greeting;
