"""What people see of it: conditions, progress, results and Events of a job, and what of them is counted."""
