"""Places that results are published to, all used in the same way."""
