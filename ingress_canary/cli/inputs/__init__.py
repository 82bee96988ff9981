"""What several commands take: amounts, kubeconfig and namespace, schedule files, notification targets, traffic.

Used by ``cli/commands``.
"""
