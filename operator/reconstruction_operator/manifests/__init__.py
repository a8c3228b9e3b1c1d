"""The Kubernetes objects that the operator creates, rendered from a job and its pinned profile. Pure."""
