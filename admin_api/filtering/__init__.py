"""Rules of mailboxes brought to the ManageSieve server: client, plan, and the worker that carries it out."""
