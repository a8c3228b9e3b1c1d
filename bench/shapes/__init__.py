"""How near the meshes of several engines come to shapes that are known."""
