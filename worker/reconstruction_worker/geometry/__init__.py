"""From a trained field to a textured mesh: depth, fusion, clean-up, UV atlas, texture, and a small renderer.

World coordinates as in `docs/workspace.md`: right-handed, z up, the region of interest in [-1, 1]^3.
"""
