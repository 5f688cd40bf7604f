"""Filters: rules by which a mailbox sorts its mail, and the one Sieve script that says the same. Pure."""
