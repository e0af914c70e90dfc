-- The newest number of a thing of lineage. Whoever adds to the graph holds this row until the end: numbers follow one
-- another, and two who tell of the same things wait for each other instead of failing.
create table lineage_numbers (
  name text primary key,
  last bigint not null
);
insert into lineage_numbers (name, last) select 'nodes', coalesce(max(number), 0) from lineage_nodes;
