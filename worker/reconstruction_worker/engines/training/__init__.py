"""What all engines share that are trained: the posed photos, which of them are held out, the training loop, checkpoints
and devices. An engine adds a `Method` (see `fit`)."""
