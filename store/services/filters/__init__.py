"""Filter rules of mailboxes, and their scripts on the way to the mail store."""
