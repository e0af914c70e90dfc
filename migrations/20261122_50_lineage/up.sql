-- Lineage: things and the steps between them, from what became to what came of it. Both directions are read by index.

create table lineage_nodes (
  number bigint primary key,
  id text not null,
  kind text not null,
  title text not null,
  detail text not null,
  seen_at bigint not null
);
create unique index lineage_nodes_by_id on lineage_nodes (id);

create table lineage_edges (
  source bigint not null references lineage_nodes (number),
  target bigint not null references lineage_nodes (number),
  label text not null,
  seen_at bigint not null,
  primary key (source, target, label)
);
create index lineage_edges_back on lineage_edges (target, source, label);
