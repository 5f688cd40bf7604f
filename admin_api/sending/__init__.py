"""Mail of programs: checked and composed, kept in the store, carried to the mail server by a courier.

Once it is there, a copy goes into the mailbox's own folder of sent mail, where the settings say so.
"""
