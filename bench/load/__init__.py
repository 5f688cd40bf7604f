"""What benches put under load and how: a private site, clients, names, processor time."""
