"""The pages, a module each: what is read from the store for it, what its forms do, and its table of routes."""
