-- Changes of many runs at once, with what is needed to take them back.
create table bulk_changes (
  id text primary key,
  act text not null,
  filter text not null,
  tag_key text,
  tag_value text,
  actor text not null,
  at bigint not null,
  undone_at bigint
);
create index bulk_changes_by_time on bulk_changes (at, id);

-- The runs that a change touched; `before` is the tag's value before it, or nothing where there was none.
create table bulk_change_runs (
  change_id text not null references bulk_changes (id),
  run text not null,
  before text,
  primary key (change_id, run)
);
