"""What a job hands over for people to read: the report page, its numbers, a manifest, a preview."""
