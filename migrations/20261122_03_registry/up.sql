-- Models, their immutable versions, and the aliases that point at them. A deleted model keeps its rows and gives its name
-- back; version numbers are never used twice. Times are microseconds UTC; columns called `..._json` hold JSON.

create table registry_counters (
  name text primary key,
  last bigint not null
);
insert into registry_counters (name, last) values ('model', 0);
insert into registry_counters (name, last) values ('promotion', 0);

create table registry_models (
  number bigint primary key,
  project text not null,
  name text not null,
  description text not null,
  owner text not null,
  last_version bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  deleted_at bigint
);
create unique index registry_models_by_name on registry_models (name) where deleted_at is null;

create table registry_model_tags (
  model bigint not null references registry_models (number),
  key text not null,
  value text not null,
  primary key (model, key)
);
create index registry_model_tags_by_value on registry_model_tags (key, substr(value, 1, 100));

create table registry_versions (
  model bigint not null references registry_models (number),
  number bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  actor text not null,
  description text not null,
  stage text not null,
  status text not null,
  status_message text not null,
  digest text,
  artifact text,
  source text not null,
  storage_location text not null,
  source_run text,
  run_link text,
  logged_model text,
  pipeline_run text,
  flavor text not null,
  engine text not null,
  trainer text not null,
  signature_json text,
  metrics_json text,
  baseline_metrics_json text,
  dataset_versions_json text,
  training_rows_json text,
  evaluation_rows_json text,
  feature_importance_json text,
  reference_profile_json text,
  deleted_at bigint,
  primary key (model, number)
);
create index registry_versions_by_run on registry_versions (source_run);
create index registry_versions_by_digest on registry_versions (digest);

create table registry_version_tags (
  model bigint not null,
  version bigint not null,
  key text not null,
  value text not null,
  primary key (model, version, key)
);
create index registry_version_tags_by_value on registry_version_tags (key, substr(value, 1, 100));

create table registry_aliases (
  model bigint not null references registry_models (number),
  alias text not null,
  version bigint not null,
  since bigint not null,
  actor text not null,
  reason text not null,
  primary key (model, alias)
);
create index registry_aliases_by_version on registry_aliases (model, version);

-- Every decision about a move of an alias, also those that left it where it was.
create table registry_promotions (
  number bigint primary key,
  model bigint not null references registry_models (number),
  version bigint not null,
  previous bigint,
  alias text not null,
  promoted bigint not null,
  decision text not null,
  reason text not null,
  rules_json text not null,
  actor text not null,
  at bigint not null
);
create index registry_promotions_by_model on registry_promotions (model, number);
