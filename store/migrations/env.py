"""Alembic runs this file for every command; the connection comes from :mod:`store.migrations.migrate`."""

from alembic import context

from store.sql.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    transactional_ddl=True,  # both databases can, with BEGIN sent by ourselves: all or nothing
)
context.run_migrations()
