"""``byname demo``: a whole mail system on loopback, sample data, and sample mails judged by what really happened."""
