-- Values of metrics at a step, for search. A step of a metric is indexed when a search first asks for it (`metrics.loss@100`),
-- from what is settled; from then on settling keeps it.

create table metric_step_indexes (
  key bigint not null,
  step bigint not null,
  -- All runs up to this number are in.
  built_until bigint not null,
  complete bigint not null,
  used_at bigint not null,
  primary key (key, step)
)/*sqlite  without rowid*/;

-- The newest point at that step (greatest time, then value); the value is null when it is not a number.
create table metric_steps (
  key bigint not null,
  step bigint not null,
  run bigint not null,
  time bigint not null,
  value double precision,
  primary key (key, step, run)
)/*sqlite  without rowid*/;
create index metric_steps_by_value on metric_steps (key, step, value, run);
