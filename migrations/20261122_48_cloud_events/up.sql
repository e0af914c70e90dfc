-- Requests whose response has not come yet, and the other way round: joined by id they are predictions.
create table cloud_event_halves (
  model text not null,
  id text not null,
  part text not null,
  at bigint not null,
  received_at bigint not null,
  body text not null,
  primary key (model, id, part)
);
create index cloud_event_halves_by_age on cloud_event_halves (received_at);
