-- How the requests of a deployment are shared out among versions: every revision is kept, the newest holds.
create table deployment_traffic (
    deployment text not null references deployments (name),
    revision bigint not null,
    settings text not null,
    reason text not null,
    actor text not null,
    at bigint not null,
    primary key (deployment, revision)
);
