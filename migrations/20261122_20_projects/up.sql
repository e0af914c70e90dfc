-- Projects: the unit of ownership and access; MLflow's clients call them workspaces. What was there belongs to `default`.
-- Names of models are unique within a project; a name without a project speaks of `default`.
create table projects (
    name text primary key,
    description text,
    artifact_root text,
    created_at bigint not null,
    created_by text not null
);
insert into projects (name, description, artifact_root, created_at, created_by)
    values ('default', 'What belongs to no other project', null, 0, 'gingham');

drop index registry_models_by_name;
create unique index registry_models_by_name on registry_models (project, name) where deleted_at is null;
