-- Least and greatest values of metrics, for search. `metric_values` has them for every metric, without an index: two more
-- indexes over all metrics would make every write dearer. A metric gets its rows here when a search first asks for its `min`
-- or `max`; from then on settling keeps them.

create table metric_best_indexes (
  key bigint primary key,
  -- All runs up to this number are in.
  built_until bigint not null,
  complete bigint not null,
  used_at bigint not null
);

-- As in `metric_values`: null when none of the points is a number.
create table metric_bests (
  key bigint not null,
  run bigint not null,
  low double precision,
  high double precision,
  primary key (key, run)
)/*sqlite  without rowid*/;
create index metric_bests_by_low on metric_bests (key, low, run);
create index metric_bests_by_high on metric_bests (key, high, run);
