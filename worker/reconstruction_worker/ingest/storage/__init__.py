"""One file for each kind of storage: what its library is given, and which credentials count."""
