-- What people write on cards of versions and datasheets of datasets, field by field; an empty text is a blank field.
create table document_fields (
    kind text not null,
    name text not null,
    field text not null,
    text text not null,
    actor text not null,
    at bigint not null,
    primary key (kind, name, field)
);
