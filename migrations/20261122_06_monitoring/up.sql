create table monitor_windows (
    model text not null,
    window_from bigint not null,
    window_to bigint not null,
    version bigint not null,
    state text not null,
    summary text not null,
    report text not null,
    primary key (model, window_from)
);

create table alerts (
    id text primary key,
    fingerprint text not null,
    model text not null,
    version bigint not null,
    kind text not null,
    severity text not null,
    state text not null,
    finding text not null,
    opened_at bigint not null,
    updated_at bigint not null,
    closed_at bigint,
    silenced_until bigint,
    clear_windows bigint not null,
    unknown_windows bigint not null,
    flaps bigint not null
);

create unique index alerts_open on alerts (fingerprint)
    where state in ('pending', 'firing', 'acknowledged', 'silenced');

create index alerts_by_model on alerts (model, state, id);

create index alerts_by_fingerprint on alerts (fingerprint, id);

create table alert_transitions (
    alert_id text not null references alerts (id),
    number bigint not null,
    at bigint not null,
    from_state text,
    to_state text not null,
    actor text not null,
    reason text not null,
    primary key (alert_id, number)
);
