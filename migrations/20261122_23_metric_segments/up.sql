-- Metrics in few, dense rows. What clients log is appended to `metric_tail` as it comes, one row a request; a moment later it
-- is settled: newest, least and greatest values go where search finds them, points go into packed columns. The tables
-- `metric_points` and `latest_metrics` of earlier releases are emptied into these when the server starts.

-- Names of metrics, once for each experiment.
create table metric_keys (
  id bigint primary key,
  experiment_id bigint not null references experiments (id),
  name text not null
);
create unique index metric_keys_by_name on metric_keys (experiment_id, name);
insert into tracking_counters (name, last) values ('metric_key', 0);

-- Points as they came, with their names.
create table metric_tail (
  run bigint not null references runs (number),
  seq bigint not null,
  data bytea not null,
  primary key (run, seq)
)/*sqlite  without rowid*/;

-- Settled points: generations of segments, each of which holds whole columns for a range of keys.
create table metric_segments (
  run bigint not null references runs (number),
  level bigint not null,
  seq bigint not null,
  part bigint not null,
  first_key bigint not null,
  last_key bigint not null,
  points bigint not null,
  data bytea not null,
  primary key (run, level, seq, part)
);

-- The newest point of each metric of a run (greatest step, then time, then value), all in one.
create table run_latest (
  run bigint primary key references runs (number),
  data bytea not null
);

-- What search compares: the newest value (null when it is not a number), and the least and greatest there ever were.
create table metric_values (
  key bigint not null,
  run bigint not null,
  value double precision,
  low double precision,
  high double precision,
  primary key (key, run)
)/*sqlite  without rowid*/;
create index metric_values_by_value on metric_values (key, value, run);
