"""Preflight rules: every known way in which a canary Ingress has no effect or does harm.

Asked by the engine at each pass and by ``lint --live``; routers add their own rules.
"""
