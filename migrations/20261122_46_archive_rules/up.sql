-- How long the predictions of a model are kept, and whether nothing of it may be deleted.
create table archive_rules (
  model text primary key,
  keep_us bigint,
  held bigint not null,
  reason text not null,
  actor text not null,
  changed_at bigint not null
);
