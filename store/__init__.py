"""Persistence of Byname: tables and migrations, the directory that decisions read, and every admin change and query.

Driver errors are translated here, once: nothing above this package catches an exception of SQLAlchemy, psycopg or
sqlite3 (see :mod:`store.errors`).
"""
