"""Lab: an embedded cluster for demos and tests. Shares only ``api`` with the daemon, so that no mistake is shared."""
