"""The migrations, run by :mod:`store.sql.migrate`. A new one gets the next number and an entry in its REVISIONS."""
