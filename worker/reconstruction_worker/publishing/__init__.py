"""Publishing: what a job delivers, sent to where `spec.destination` says."""
