-- Models that are served elsewhere and send their predictions, with how they are watched until a `gingham.yaml` says so.
create table models_elsewhere (
  model text primary key,
  monitor text not null,
  first_seen bigint not null
);
