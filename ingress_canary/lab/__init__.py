"""An embedded cluster for demos and tests. Shares only the contract with the daemon, so no shared mistake passes."""
