-- How far the event log is read: by the graph of lineage, and by the events that are told to others.
create table lineage_readers (
  name text primary key,
  seq bigint not null
);

-- Events of OpenLineage on their way to one target each. The text is what every try sends.
create table openlineage_outbox (
  number bigint primary key,
  target text not null,
  event text not null,
  state text not null,
  attempts bigint not null,
  due_at bigint not null,
  created_at bigint not null,
  ended_at bigint,
  reason text
);
create index openlineage_outbox_due on openlineage_outbox (state, target, number);
