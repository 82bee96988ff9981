"""Acceptance of the judge: what it must say of traffic that is drawn here, by nothing that the product draws with."""
