"""Weights of neural networks: files that people add once, checked before they are read, and never fetched."""
