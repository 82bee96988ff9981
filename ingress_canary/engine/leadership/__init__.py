"""Leader election among several replicas: the loop of following and leading, the guard of writes, the takeover.

Started by ``app.py`` around the engine.
"""
