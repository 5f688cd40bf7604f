"""What people put into their mail programs: commands, a snippet, a Sieve script. Texts made from values, no I/O."""
