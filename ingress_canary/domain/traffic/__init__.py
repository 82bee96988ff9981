"""Traffic: routers, drift of the shadow, whether the weight takes effect, and why not.

The engine builds and compares the shadow with it; ``evaluation`` judges the share.
"""
