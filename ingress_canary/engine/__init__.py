"""The reconcile loop: gather inputs, decide, execute, report. Made by ``app.py``, once for each term of leadership."""
