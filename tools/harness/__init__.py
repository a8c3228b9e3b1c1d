"""An operator on a real API server, for tests and benchmarks: requests as kubectl makes them, the operator as a
process, a namespace with jobs in it, and a kubelet that only pretends to run pods."""
