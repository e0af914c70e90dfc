-- Who is told of events on models, and how far in the log of events each has been told. `after_seq` is the last event
-- that was delivered or given up; `attempts` counts tries of the one after it. Times are microseconds UTC.
create table webhooks (
    id text primary key,
    project text not null,
    name text not null,
    description text,
    url text not null,
    events_json text not null,
    status text not null,
    secret text,
    created_at bigint not null,
    updated_at bigint not null,
    after_seq bigint not null,
    attempts bigint not null,
    next_attempt_at bigint not null,
    leased_until bigint not null,
    delivered bigint not null,
    given_up bigint not null,
    last_status bigint,
    last_error text
);
create index webhooks_by_project on webhooks (project, created_at, id);
create index webhooks_due on webhooks (status, next_attempt_at);
