"""Filters of mailboxes: their rules, where these may forward to, and the state of the script written from them."""
