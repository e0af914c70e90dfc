-- Verdicts: the results of a set of checks on one object.
create table verdicts (
    id text primary key,
    object_kind text not null,
    object_name text not null,
    created_at bigint not null,
    actor text not null,
    outcome text not null,
    blocked bigint not null,
    rows_total bigint not null,
    summary text not null
);
create index verdicts_by_object on verdicts (object_kind, object_name, id);
create table check_results (
    verdict_id text not null references verdicts (id),
    position bigint not null,
    check_id text not null,
    outcome text not null,
    failing_rows bigint not null,
    rows_checked bigint not null,
    message text not null,
    body text not null,
    primary key (verdict_id, position)
);
create index check_results_by_check on check_results (check_id, outcome, verdict_id);
