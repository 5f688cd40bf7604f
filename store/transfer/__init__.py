"""Files of aliases, in and out: pure reading and writing of their lines, without a database."""
