"""Stages that build on what a job has published, where its workspace is gone: the executor runs these modules in place
of those in `stages`. What needs more than the published files is refused with InputsRemoved."""
