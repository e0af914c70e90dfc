create table notice_outbox (
    id text primary key,
    alert_id text not null,
    notifier text not null,
    notice text not null,
    only_while_firing bigint not null,
    state text not null,
    attempts bigint not null,
    due_at bigint not null,
    created_at bigint not null,
    ended_at bigint,
    reason text
);

create index notice_outbox_due on notice_outbox (state, due_at);

create index notice_outbox_by_alert on notice_outbox (alert_id, id);

create table notice_reader (
    name text primary key,
    seq bigint not null
);

create table alert_silences (
    id text primary key,
    matchers text not null,
    starts_at bigint not null,
    ends_at bigint not null,
    created_by text not null,
    note text not null,
    updated_at bigint not null
);
