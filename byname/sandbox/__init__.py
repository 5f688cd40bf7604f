"""A mail system in a temporary folder: private Postfix, private Dovecot, a sink for mail, a certificate.

Everything listens on loopback at high ports and lives below one folder; no file or service of the system is touched
(FACTS, "Private Postfix"). The demo and the tests under ``tests/mail`` share it. Postfix needs root to start.
"""
