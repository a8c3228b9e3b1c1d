"""The decisions of the operator: pure functions, one concern a file, no input or output, no clock."""
