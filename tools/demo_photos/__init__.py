"""The demo's photo set: pictures of a textured face scan, for a first run without a camera at hand.

`python -m demo_photos OUT_DIR` renders them. The camera poses stay out of the folder: they are to be estimated.
"""
