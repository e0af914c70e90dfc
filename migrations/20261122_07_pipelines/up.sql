-- Jobs (what is to be done, by whom and until when), pipeline runs and their steps. Ids are time-ordered, so that lists
-- are read by id. Times are microseconds UTC.

create table jobs (
  id text primary key,
  kind text not null,
  model text,
  payload text not null,
  cause text not null,
  actor text not null,
  dedup_key text,
  state text not null,
  attempts bigint not null,
  most_attempts bigint not null,
  not_before bigint not null,
  progress double precision not null,
  message text,
  error text,
  result text,
  worker text,
  lease_until bigint,
  cancel_reason text,
  created_at bigint not null,
  started_at bigint,
  finished_at bigint
);
create unique index jobs_one_active on jobs (dedup_key) where state in ('queued', 'running');
create index jobs_due on jobs (state, not_before, id);
create index jobs_by_model on jobs (model, id);

create table pipeline_runs (
  id text primary key,
  model text not null,
  job text,
  cause text not null,
  actor text not null,
  state text not null,
  message text,
  started_at bigint not null,
  finished_at bigint
);
create index pipeline_runs_by_model on pipeline_runs (model, id);
create index pipeline_runs_by_state on pipeline_runs (state, id);

create table pipeline_steps (
  run text not null references pipeline_runs (id),
  name text not null,
  position bigint not null,
  model text not null,
  state text not null,
  cached bigint not null,
  reusable bigint not null,
  reused_from text,
  key text not null,
  parts text not null,
  outputs text not null,
  message text,
  experiment_run text,
  started_at bigint not null,
  finished_at bigint,
  primary key (run, name)
);
create index pipeline_steps_by_key on pipeline_steps (key, reusable);
create index pipeline_steps_by_name on pipeline_steps (model, name, run);
