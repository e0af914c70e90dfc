-- What is kept with a version beside its model: the lock of its environment, the rows that it must answer alike.
create table registry_version_files (
    model bigint not null,
    number bigint not null,
    kind text not null,
    digest text not null,
    actor text not null,
    at bigint not null,
    primary key (model, number, kind)
);
