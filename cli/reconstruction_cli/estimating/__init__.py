"""`recon estimate`: what a job will take, before it is submitted."""
