"""Entry point of ``python -m ingress_canary``, the command line without its console script."""

from ingress_canary.cli.main import main

main()
