"""What the store and the core say, in plain words for people. Pure."""
