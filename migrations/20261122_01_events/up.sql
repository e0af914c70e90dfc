-- The log of everything that happened: gapless, each entry carrying the hash of the one before.
create table events (
    seq bigint primary key,
    at bigint not null,
    kind text not null,
    actor text not null,
    object_kind text not null,
    object_name text not null,
    summary text not null,
    data text not null,
    previous_hash text not null,
    hash text not null
);
create index events_by_object on events (object_kind, object_name, seq);
create index events_by_kind on events (kind, seq);
