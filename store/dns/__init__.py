"""What the DNS says about a domain: asking several nameservers, and judging what they answer.

Only this package knows dnspython. It changes nothing: :mod:`store.services.domain_checks.proof` acts on what it finds.
"""
