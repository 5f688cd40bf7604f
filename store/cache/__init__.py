"""What decisions read: the directory over Redis, with SQL and grace behind it, and whether a change has arrived."""
