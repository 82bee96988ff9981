"""Every known way in which a canary Ingress does nothing or does harm, as small named rules."""
