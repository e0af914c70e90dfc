-- Named series of immutable snapshots of tables.
create table datasets (
    name text primary key,
    description text not null,
    created_at bigint not null,
    created_by text not null
);

-- A version is a version of the Delta table that holds the rows of all versions up to it.
create table dataset_versions (
    dataset text not null references datasets (name),
    number bigint not null,
    delta_version bigint not null,
    digest text not null,
    rows_total bigint not null,
    rows_added bigint not null,
    columns text not null,
    first_at bigint,
    last_at bigint,
    origin text not null,
    profile text not null,
    created_at bigint not null,
    created_by text not null,
    primary key (dataset, number)
);
