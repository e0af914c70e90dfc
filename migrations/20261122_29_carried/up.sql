-- What was brought in from elsewhere (another tracking server, a spool of a client that was offline), so that bringing it
-- in again continues instead of doubling. `kind` is `batch`, `run`, `experiment`, `model` …; `fingerprint` says in which
-- state it was brought in whole.
create table carried (
  source text not null,
  kind text not null,
  id text not null,
  fingerprint text not null,
  at bigint not null,
  primary key (source, kind, id)
);
