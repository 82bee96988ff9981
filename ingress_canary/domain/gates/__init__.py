"""Webhook gates: when each is asked, the question, the signed request, and what an answer means.

Decisions ask which are due; ``engine/gate_requests.py`` and ``adapters/gates.py`` send.
"""
