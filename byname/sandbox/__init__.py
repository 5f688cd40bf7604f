"""A mail system in a temporary folder: private Postfix, private Dovecot, a sink for mail, a certificate.

Everything listens on loopback at high ports and lives below one folder; no file or service of the system is touched
(docs/facts.md, "Milter and Postfix"). Shared by the demo and ``tests/mail``. Postfix needs root to start.
"""
