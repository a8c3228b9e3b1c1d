"""Jobs with `spec.engines`: the same photos and poses, and each engine's stages in a workspace of its own."""
