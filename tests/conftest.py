"""What every test shares: how hypothesis runs on a machine that may be busy."""

from hypothesis import HealthCheck, settings

# how long an example takes says something of the machine and nothing of the code
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
