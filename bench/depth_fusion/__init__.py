"""Six views with depth maps of objects whose shape is known: how near the surface is, and what new views show of it."""
