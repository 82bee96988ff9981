"""Command line of ``ingress-canary`` and ``kubectl icanary``.

People and CI call it; ``main.py`` is the entry point, and ``run`` starts the daemon of ``app.py``.
"""
