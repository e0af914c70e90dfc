//! SQLite and PostgreSQL behind one handle: transactions, migrations, group commit, the event log.
