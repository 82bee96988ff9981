"""Kinds of object that the lab's API server has, with their schemas and defaults.

Used by its storage and its REST handlers.
"""
