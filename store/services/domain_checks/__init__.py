"""Checks of a domain's DNS records: required records, the checks themselves, proof of control."""
