"""One module for each command that talks to a cluster, with a click command named `command`.

They import what they need when they run: `recon --help` must not wait for the Kubernetes client.
"""
