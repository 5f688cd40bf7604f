"""Mail of programs: checked and composed, kept in the store, carried to the mail server by a courier."""
