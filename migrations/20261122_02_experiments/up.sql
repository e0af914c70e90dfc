-- Experiments and runs in MLflow's data model. Child tables hold the run's short number, not its 32 letters: metric
-- tables are the largest there are. Times are microseconds UTC. Indexes over long text take its first letters only, as
-- PostgreSQL refuses index entries of more than about 2,700 bytes.

create table tracking_counters (
  name text primary key,
  last bigint not null
);
insert into tracking_counters (name, last) values ('experiment', 0);
insert into tracking_counters (name, last) values ('run', 0);
insert into tracking_counters (name, last) values ('dataset', 0);

create table experiments (
  id bigint primary key,
  project text not null,
  name text not null,
  artifact_location text not null,
  lifecycle text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index experiments_by_name on experiments (project, name);
create index experiments_by_creation on experiments (lifecycle, created_at, id);
insert into experiments (id, project, name, artifact_location, lifecycle, created_at, updated_at)
  values (0, 'default', 'Default', 'mlflow-artifacts:/0', 'active', 0, 0);

create table experiment_tags (
  experiment_id bigint not null references experiments (id),
  key text not null,
  value text not null,
  primary key (experiment_id, key)
);
create index experiment_tags_by_value on experiment_tags (key, substr(value, 1, 100));

create table runs (
  number bigint primary key,
  id text not null,
  experiment_id bigint not null references experiments (id),
  name text not null,
  status text not null,
  user_id text not null,
  artifact_uri text not null,
  start_time bigint not null,
  end_time bigint,
  lifecycle text not null,
  deleted_at bigint
);
create unique index runs_by_id on runs (id);
create index runs_by_start on runs (experiment_id, lifecycle, start_time, id);
create index runs_by_name on runs (experiment_id, substr(name, 1, 100));

create table run_params (
  run bigint not null references runs (number),
  key text not null,
  value text not null,
  primary key (run, key)
);
create index run_params_by_value on run_params (key, substr(value, 1, 100), run);

create table run_tags (
  run bigint not null references runs (number),
  key text not null,
  value text not null,
  primary key (run, key)
);
create index run_tags_by_value on run_tags (key, substr(value, 1, 100), run);

-- A point that is not a number has value 0 and is_nan 1; infinities are kept as they are.
create table metric_points (
  run bigint not null references runs (number),
  key text not null,
  step bigint not null,
  time bigint not null,
  value double precision not null,
  is_nan bigint not null,
  primary key (run, key, step, time, value, is_nan)
);

-- The newest point of each metric: greatest step, then time, then value.
create table latest_metrics (
  run bigint not null references runs (number),
  key text not null,
  step bigint not null,
  time bigint not null,
  value double precision not null,
  is_nan bigint not null,
  primary key (run, key)
);
create index latest_metrics_by_value on latest_metrics (key, value, run);

create table input_datasets (
  number bigint primary key,
  experiment_id bigint not null references experiments (id),
  name text not null,
  digest text not null,
  source_type text not null,
  source text not null,
  schema_text text,
  profile_text text
);
create unique index input_datasets_by_name on input_datasets (experiment_id, name, digest);

create table run_inputs (
  run bigint not null references runs (number),
  dataset bigint not null references input_datasets (number),
  context text,
  tags text not null,
  primary key (run, dataset)
);
create index run_inputs_by_dataset on run_inputs (dataset, run);

-- Which logged models a run read or made; direction is `input` or `output`.
create table run_models (
  run bigint not null references runs (number),
  direction text not null,
  model_id text not null,
  step bigint not null,
  primary key (run, direction, model_id)
);

create table logged_models (
  id text primary key,
  experiment_id bigint not null references experiments (id),
  name text not null,
  artifact_uri text not null,
  status text not null,
  status_message text,
  model_type text,
  source_run_id text,
  created_at bigint not null,
  updated_at bigint not null,
  lifecycle text not null
);
create index logged_models_by_creation on logged_models (experiment_id, lifecycle, created_at, id);
create index logged_models_by_run on logged_models (source_run_id);

create table logged_model_params (
  model_id text not null references logged_models (id),
  key text not null,
  value text not null,
  primary key (model_id, key)
);

create table logged_model_tags (
  model_id text not null references logged_models (id),
  key text not null,
  value text not null,
  primary key (model_id, key)
);

create table logged_model_metrics (
  model_id text not null references logged_models (id),
  key text not null,
  step bigint not null,
  time bigint not null,
  value double precision not null,
  is_nan bigint not null,
  run_id text not null,
  dataset_name text not null,
  dataset_digest text not null,
  primary key (model_id, key, step, time, run_id, dataset_name, dataset_digest)
);
