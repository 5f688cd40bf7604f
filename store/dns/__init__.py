"""DNS checks of a domain: queries to several nameservers, and the judgement of their answers.

Only this package knows dnspython. It changes nothing: :mod:`store.services.domain_checks.proof` acts on what it finds.
"""
