-- What was applied to a cluster, so that it can be compared and applied again. No objects: it was taken out.

create table cluster_revisions (
  deployment text not null,
  revision bigint not null,
  cluster text not null,
  manifests text not null,
  reason text not null,
  actor text not null,
  at bigint not null,
  primary key (deployment, revision)
);
