-- Broken glass: moves that somebody answers for although a rule does not hold, until they expire or the rules hold.
create table review_overrides (
    number bigint primary key,
    review bigint not null references reviews (number),
    model text not null,
    alias text not null,
    version bigint not null,
    digest text not null,
    actor text not null,
    reason text not null,
    ticket text not null,
    at bigint not null,
    expires_at bigint not null,
    ended_at bigint,
    ended_why text not null
);
create index review_overrides_by_review on review_overrides (review, number);
create index review_overrides_by_end on review_overrides (ended_at, expires_at);
