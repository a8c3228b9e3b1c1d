"""A real single-node Kubernetes for development and tests, built from its Go modules and run without Docker.

Needs only the standard library, so that it can build while the Python dependencies are still being installed.
"""
