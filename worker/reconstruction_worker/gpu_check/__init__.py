"""`make gpu-check`: whether a machine's GPU does what the engines need. Tests can't say: their machines have none."""
