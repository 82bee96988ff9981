"""What differs between ingress controllers."""
