-- Accounts, the roles they hold, and tokens. A token is kept as the BLAKE3 hash of its secret.

create table members (
    id text primary key,
    name text not null unique,
    kind text not null,
    created_at bigint not null,
    disabled_at bigint
);

create table member_grants (
    member_id text not null references members (id),
    role text not null,
    project text not null,
    created_at bigint not null,
    primary key (member_id, role, project)
);

create table tokens (
    id text primary key,
    member_id text not null references members (id),
    name text not null,
    hash text not null unique,
    created_at bigint not null,
    expires_at bigint,
    last_used_at bigint,
    revoked_at bigint
);

create index tokens_by_member on tokens (member_id);
