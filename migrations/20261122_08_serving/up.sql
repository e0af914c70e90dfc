-- Named endpoints, the version that answers in each, and the versions that did.
create table deployments (
    name text primary key,
    project text not null,
    model text not null,
    alias text,
    version bigint,
    previous_version bigint,
    state text not null,
    message text,
    settings text not null,
    since bigint not null,
    created_at bigint not null
);
create index deployments_by_model on deployments (model, name);
create table deployment_history (
    deployment text not null references deployments (name),
    number bigint not null,
    version bigint not null,
    at bigint not null,
    reason text not null,
    actor text not null,
    primary key (deployment, number)
);
