"""Every known way in which a canary Ingress does nothing or does harm, as small named rules.

Asked by the engine at each pass and by ``lint --live``; routers add their own rules.
"""
