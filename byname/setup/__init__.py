"""``byname setup``: what Postfix needs for Byname, shown, done when told, and taken back when told."""
