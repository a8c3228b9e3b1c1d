"""The decisions of the operator: pure functions, one concern a file, no input or output, no clock.

`control` decides what to do, `reporting` how it is shown in the status, in Events and in metrics.
"""
