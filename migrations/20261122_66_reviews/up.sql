-- Reviews: requests to move an alias. The digest is what approvals are given for; an opinion given for another one does not
-- count any more. At most one review of the same move is open. Verdicts are kept as JSON when a review ends.

create table review_counters (
    name text primary key,
    last bigint not null
);
insert into review_counters (name, last) values ('review', 0);
insert into review_counters (name, last) values ('comment', 0);
insert into review_counters (name, last) values ('override', 0);

create table reviews (
    number bigint primary key,
    model text not null,
    alias text not null,
    version bigint not null,
    previous bigint,
    digest text not null,
    policy text not null,
    tier text not null,
    reason text not null,
    requester text not null,
    at_once bigint not null,
    state text not null,
    created_at bigint not null,
    updated_at bigint not null,
    ended_at bigint,
    ended_by text,
    outcome text not null,
    verdict_json text
);
create index reviews_by_model on reviews (model, number);
create index reviews_by_state on reviews (state, number);
create unique index reviews_open on reviews (model, alias, version) where state = 'open';

-- The newest opinion of each person.
create table review_opinions (
    review bigint not null references reviews (number),
    author text not null,
    opinion text not null,
    digest text not null,
    comment text not null,
    at bigint not null,
    primary key (review, author)
);

create table review_comments (
    number bigint primary key,
    review bigint not null references reviews (number),
    parent bigint,
    author text not null,
    text text not null,
    at bigint not null
);
create index review_comments_by_review on review_comments (review, number);

-- Who was named in a discussion, until they have looked.
create table review_mentions (
    person text not null,
    comment bigint not null references review_comments (number),
    review bigint not null references reviews (number),
    seen_at bigint,
    primary key (person, comment)
);
