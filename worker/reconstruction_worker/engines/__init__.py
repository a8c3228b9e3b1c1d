"""Engines: methods that learn a scene from posed photos, found through the entry points `reconstruction.engines`."""
