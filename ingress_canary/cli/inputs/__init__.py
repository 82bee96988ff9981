"""Inputs that several commands share: amounts, kubeconfig and namespace, schedule files, notification targets, traffic.

Used by ``cli/commands``.
"""
