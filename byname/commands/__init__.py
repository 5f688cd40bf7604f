"""The commands, one module per noun. Heavy modules are imported inside the commands, for start-up time."""
