"""API of CanarySchedule and CanaryRollout: the one source of the CRDs, lint and the reference docs.

Every other package imports it, the lab included; it imports none of them.
"""

GROUP = "ingress-canary.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

ROLLOUT_KIND = "CanaryRollout"
SCHEDULE_KIND = "CanarySchedule"

APPLY_CRDS = "ingress-canary crds | kubectl apply --server-side --force-conflicts -f -"
"""The command that installs the CRDs, and updates older ones whoever applied them."""

FIELD_MANAGER = "ingress-canary"
"""The field manager of every write of the daemon: it distinguishes the daemon's writes from another writer's."""

ACTION_ANNOTATION = f"{GROUP}/action"
"""One-shot request on a CanaryRollout: ``<verb>[:<revision>[/<step>]]#<id>[#<why>]``."""

FREEZE_ANNOTATION = f"{GROUP}/freeze"
"""On the daemon's own namespace: while it is there nothing advances anywhere; its value says why."""

LEADER_ANNOTATION = f"{GROUP}/leader"
"""On a shadow, and on a workload that images are copied to: the term of the leader that took it over."""

FAILED_ANNOTATION = f"{GROUP}/failed"
"""On a shadow that was taken off without the lease: ``<when its rollout began>#<how it was proven to fail>``."""

ROLLOUT_LABEL = f"{GROUP}/rollout"
"""On a shadow: the name of its CanaryRollout, cut to what a label holds."""

APPLIED_ANNOTATION = f"{GROUP}/applied"
"""On a shadow: the hash of the content that the daemon wrote, so that another writer's edit can be recognised."""
