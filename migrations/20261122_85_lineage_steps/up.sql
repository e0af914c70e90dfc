-- Steps of lineage without references to their things: nothing is ever taken out of the graph, and on PostgreSQL each
-- reference locks, and so writes, a row of the things for every step.
create table lineage_steps (
  source bigint not null,
  target bigint not null,
  label text not null,
  seen_at bigint not null,
  primary key (source, target, label)
);
insert into lineage_steps (source, target, label, seen_at) select source, target, label, seen_at from lineage_edges;
create index lineage_steps_back on lineage_steps (target, source, label);
-- The table before is dropped in a release after this one.
delete from lineage_edges;
