"""What people may write at its worst: values for each field of the CRDs, and a pass of the engine over them.

The quick test measures a pass, the whole-system test a daemon that lives with a hundred such rollouts.
"""
