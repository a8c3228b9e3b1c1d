"""Entry point of a worker pod: `python -m reconstruction_worker`."""

from .pod import main

main()
