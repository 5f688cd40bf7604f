"""The front door: the command line, the wiring of the parts, and the demo."""
