"""The Redis side: the layout, the relay that keeps it in step with SQL, and the directory that reads it."""
