{{/* The daemon's rights, each verb with its reason. config/rbac has the same as plain manifests; a test compares. */}}

{{- define "ingress-canary.rules.cluster" -}}
# At its start the daemon compares the installed CRDs with its own: an older one would lose what it stores.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames: [canaryrollouts.ingress-canary.io, canaryschedules.ingress-canary.io]
  verbs: [get]
# All Ingresses, for the preflight rules that look at the whole cluster.
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list, watch]
# Which controller serves an Ingress.
- apiGroups: [networking.k8s.io]
  resources: [ingressclasses]
  verbs: [list, watch]
# Its own namespace, whose annotation ingress-canary.io/freeze stops all advancing. Without it no freeze is seen.
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [{{ .Release.Namespace }}]
  verbs: [list, watch]
{{- end }}

{{- define "ingress-canary.rules.rollouts" -}}
# What it is told to do. Nothing here is polled: one list, then a watch.
- apiGroups: [ingress-canary.io]
  resources: [canaryrollouts, canaryschedules]
  verbs: [list, watch]
# A handled action's annotation is removed.
- apiGroups: [ingress-canary.io]
  resources: [canaryrollouts]
  verbs: [patch]
# What was decided, and the checkpoints of the evidence.
- apiGroups: [ingress-canary.io]
  resources: [canaryrollouts/status]
  verbs: [patch]
# The primaries are read. A shadow is created, driven by patches, and deleted; RBAC cannot tell it from a primary,
# which the daemon never writes.
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list, watch, create, patch, delete]
# The two Services of a rollout, their ports and selectors.
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
# How many endpoints are ready on either side, and that no pod is on both.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
# The workloads that spec.workload may name: their pod templates make revisions, their status says what is rolled out.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [list, watch]
# Events about rollouts; one that repeats is counted on the one before.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- define "ingress-canary.rules.workloads" -}}
# The canary's images are given to stable, and stable's own put back after a fail; then, and after a scaling, the daemon
# gives up the ownership of what it wrote (managedFields). RBAC cannot say that only these may be patched.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [patch]
# The canary is scaled for a rollout, and back after it.
- apiGroups: [apps]
  resources: [deployments/scale, statefulsets/scale]
  verbs: [patch]
{{- end }}

{{- define "ingress-canary.rules.schedules" -}}
# Schedules that rollouts of other namespaces name.
- apiGroups: [ingress-canary.io]
  resources: [canaryschedules]
  verbs: [list, watch]
{{- end }}

{{- define "ingress-canary.rules.leader" -}}
# Which of several replicas writes: the leader creates and renews the Lease, the others watch it. A name cannot limit
# creation.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "ingress-canary.fullname" . }}]
  verbs: [get, watch, patch]
{{- end }}

{{- define "ingress-canary.rules.pods" -}}
# Where the controllers' metrics pages are, and with which arguments they run.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- end }}
