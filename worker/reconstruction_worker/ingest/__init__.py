"""Photos of any origin become checked, upright, 8-bit images of one layout."""
