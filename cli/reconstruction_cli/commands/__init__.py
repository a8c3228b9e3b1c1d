"""One module for each command of `recon`, with a click command named `command`."""
