"""Configuration: the settings as one frozen object, the logging set-up, and the sample files as they are installed.

Nothing here knows the rest of Byname. :func:`conf.settings.load` reads and checks, :func:`conf.logs.set_up` makes
log lines; what is read is passed down, never kept in a module.
"""
