"""How good a result the worker gives on a CPU, how fast and in how much memory, beside nerfstudio itself.

`python -m bench.worker_quality` makes or finds the scenes, runs `recon run` on each, and trains nerfstudio's nerfacto
through nerfstudio's own trainer on the same photos with the same poses, the same photos held out and the same time.
"""
