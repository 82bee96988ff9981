"""Schemas of the API: the CRDs, made of the models with what their docstrings say of each field.

The daemon checks the installed CRDs against them, ``lint`` a file's members, and the lab serves them.
"""
