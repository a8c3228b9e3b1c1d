"""A worker of the standard library alone, for pods whose image holds nothing but Python."""
