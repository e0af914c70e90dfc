-- The gingham.yaml of each model as it was applied, every revision of it.
create table applied_specs (
    model text not null,
    revision bigint not null,
    digest text not null,
    dataset text not null,
    source text not null,
    actor text not null,
    applied_at bigint not null,
    primary key (model, revision)
);
create index applied_specs_by_dataset on applied_specs (dataset);
