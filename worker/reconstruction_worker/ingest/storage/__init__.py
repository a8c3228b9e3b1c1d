"""One file for each kind of storage: what its library is told, and which credentials count."""
