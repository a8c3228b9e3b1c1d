"""A Kubernetes in memory for whole histories of the operator: the API server, the controllers, nodes and people around
it, and replicas of the real operator, in a time that passes only when everybody waits.

Faults are only those that a real cluster can produce; each is described where it is made.
"""
