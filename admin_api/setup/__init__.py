"""Set-up for mail programs: the servers and the login, in the words that each kind of program asks for.

What is public (:mod:`admin_api.setup.routes`) tells a domain's servers and repeats the address that was asked for; it
never looks whether that address exists. A profile (:mod:`admin_api.setup.apple`) is for whoever may see the mailbox.
"""
