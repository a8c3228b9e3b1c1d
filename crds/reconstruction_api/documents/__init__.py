"""Documents that jobs deliver, or leave in their workspaces for others than the worker: one model a file.

The worker writes them; reports, command line and users' programs read them. docs/workspace.md shows each.
"""
