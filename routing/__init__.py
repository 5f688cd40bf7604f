"""The core of Byname: what happens to a recipient, and who may send as whom.

Nothing in this package does I/O, reads a clock, logs or draws random numbers; import-linter holds that in
``make check``. Facts come in through a :class:`~routing.directory.Directory`, verdicts go out as values.
"""
