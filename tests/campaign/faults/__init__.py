"""Faults of the campaign, by what they befall: each module has a table of kinds, and ``KINDS`` has them all.

``plan.py`` draws from the kinds, and ``run.py`` injects what was drawn.
"""

from tests.campaign.faults.answers import ANSWERS
from tests.campaign.faults.api_server import API_SERVER
from tests.campaign.faults.controllers import CONTROLLERS
from tests.campaign.faults.daemons import DAEMONS
from tests.campaign.faults.kind import Kind, Target, World
from tests.campaign.faults.moments import MOMENTS
from tests.campaign.faults.pages import PAGES
from tests.campaign.faults.people import PEOPLE

KINDS: tuple[Kind, ...] = (*MOMENTS, *DAEMONS, *API_SERVER, *ANSWERS, *CONTROLLERS, *PAGES, *PEOPLE)

__all__ = ["KINDS", "Kind", "Target", "World"]
