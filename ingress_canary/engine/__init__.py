"""Engine: the reconcile loop that gathers inputs, decides, executes and reports, made for each term of leadership.

Made by ``app.py``.
"""
