"""What a worker pod's storage clients may connect to: everything passes one proxy inside the stage's process."""
