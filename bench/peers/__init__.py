"""The operator beside others of its kind: the same number of jobs at once, on the same machine, in the same run."""
