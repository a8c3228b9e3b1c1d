"""Engines: methods that learn a scene from posed photos. Found through the entry point group `reconstruction.engines`."""
