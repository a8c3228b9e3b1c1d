"""How good a reconstruction is: published metrics, and the verdict on a job's quality bar."""
