"""Engines whose programs are others': each in a process of its own, from a folder that only its image has."""
