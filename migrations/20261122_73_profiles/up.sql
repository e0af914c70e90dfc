-- How far the predictions of a model's table are summed up in profiles. The table is named by the id that it was given when
-- it was made; `table_version` is -1 while the sums are made anew. `shape` is JSON: the bins and the segments that are counted.
create table monitor_profile_sources (
  source text primary key,
  model text not null,
  table_version bigint not null,
  shape text not null,
  newest bigint not null
);
create index monitor_profile_sources_by_model on monitor_profile_sources (model);
-- What is kept of an hour or a day of predictions: one row a version and segment, all columns in it, JSON packed by zstd.
create table monitor_profiles (
  source text not null,
  model text not null,
  version bigint not null,
  segment text not null,
  grain bigint not null,
  start bigint not null,
  row_count bigint not null,
  profile bytea not null,
  primary key (source, grain, start, version, segment)
);
create index monitor_profiles_by_time on monitor_profiles (model, segment, grain, start);
