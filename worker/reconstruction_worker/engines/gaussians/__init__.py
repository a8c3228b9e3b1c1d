"""What engines of Gaussians share: the rasterisers, and the field that shows what was trained."""
