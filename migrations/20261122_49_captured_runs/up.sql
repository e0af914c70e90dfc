-- What `gingham run` captured of a run, as JSON: code, environment, inputs, outputs, resources. Its digests keep what they
-- name. While the run is under way it is alive until a moment that the client moves on; null once it is over.

create table run_captures (
  run bigint primary key references runs (number),
  record text not null,
  alive_until bigint,
  updated_at bigint not null
);
create index run_captures_by_life on run_captures (alive_until);
