"""The pymilter adapter: SMTP events become facts for ``routing``, its verdicts become milter replies and actions."""
