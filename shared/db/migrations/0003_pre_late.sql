-- Calls and texts of long ago about which an operator has said that their customers shall be texted all the same.
create table late_accepted (
    sid  text primary key,
    at   timestamptz not null default now()
);
