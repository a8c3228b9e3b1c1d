"""Pictures of the result from a camera that goes around it."""
