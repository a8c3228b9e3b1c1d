"""`python -m reconstruction_cli` is `recon`."""

from .main import main

main()
