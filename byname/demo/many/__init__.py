"""``byname demo --many``: a site with two of everything on this machine, and parts of it that die while mail flows."""
