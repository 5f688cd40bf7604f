"""Thin probes: each looks at one part of the site and returns facts. They change nothing, and raise for bugs only."""
