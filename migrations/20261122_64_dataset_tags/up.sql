-- Names that people give to versions of datasets. A tag moves; a version never changes.
create table dataset_tags (
  dataset text not null references datasets (name),
  tag text not null,
  version bigint not null,
  set_at bigint not null,
  set_by text not null,
  primary key (dataset, tag)
);
