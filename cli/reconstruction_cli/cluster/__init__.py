"""`recon` with a cluster: what the commands in `commands` do."""
