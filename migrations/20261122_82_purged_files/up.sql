-- Places of files whose run or logged model was removed for good, written in the same transaction, until the files are gone
-- too: a server that is ended in between goes on with them.
create table purged_files (
  location text primary key,
  at bigint not null
);
