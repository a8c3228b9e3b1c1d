"""Files to deliver: one module a format, with its writer and a check that opens the file with another reader."""
