"""`recon view`: the report in a browser, and the training while it runs."""
