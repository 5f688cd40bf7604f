"""The SQL side: tables, connections, migrations and the directory. One code for SQLite and PostgreSQL."""
