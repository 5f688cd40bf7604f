"""Every admin change and query: functions over one transaction of :meth:`store.sql.database.Database.write`.

They validate, write, and return frozen views; what a rule refuses is a :class:`store.errors.ServiceError`, and leaving
the transaction's block with it rolls everything back. Rows are locked in one order, account, domain, mailbox, alias, so
that changes running side by side on PostgreSQL do not wait for one another in a circle.
"""
