"""Before any test imports torch: threads that share processors must not spin."""

from reconstruction_worker.cpus import limit_threads

limit_threads()
