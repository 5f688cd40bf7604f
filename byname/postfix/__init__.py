"""The Postfix beside us, as ``byname setup`` and ``byname doctor`` see it: read by postconf(1), judged as values."""
