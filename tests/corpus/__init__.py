"""Recorded passes: what the whole daemon made of many rollouts, so that a change meant to change nothing is held to it.

The daemon runs on an event loop whose time jumps, against the lab's API, and knows no more than it does in a cluster:
settings, Kubernetes objects, metrics pages, gates and probes over HTTP. ``python -m tests.corpus`` says how it is used;
``daemon.py`` is the only file that imports the package.
"""
