"""Surfaces of nerfstudio, by its own exporters, beside ours: nerfacto is trained on the same photos, poses and held-out
views, and what `ns-export tsdf` and `ns-export poisson` make of it is judged as our surfaces are.
"""
