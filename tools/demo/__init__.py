"""The demo: from a fresh clone to a textured model, on a real Kubernetes or without one.

Everything up to the start of the job uses the standard library alone, because it sets up the rest.
"""
