{{- define "ingress-canary.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "ingress-canary.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "ingress-canary.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "ingress-canary.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "ingress-canary.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ingress-canary.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ingress-canary.labels" -}}
{{ include "ingress-canary.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "ingress-canary.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "ingress-canary.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name must name one when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "ingress-canary.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag }}
{{- if .Values.image.digest }}
{{- printf "%s:%s@%s" .Values.image.repository $tag .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository $tag }}
{{- end }}
{{- end }}

{{/* The settings file: what the values say, and what follows from the release. */}}
{{- define "ingress-canary.settings" -}}
{{- $found := dict }}
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
{{- $_ := set $found $name $value }}
{{- end }}
{{- end }}
{{- range list "scrape_namespace" "controller_config" }}
{{- $_ := set $found . (get $found . | default "") }}
{{- end }}
{{- $_ := set $found "namespace" .Release.Namespace }}
{{- $_ := set $found "leader_election" true }}
{{- $_ := set $found "lease_name" (include "ingress-canary.fullname" .) }}
{{- $_ := set $found "listen" "0.0.0.0:8080" }}
{{- if not (hasKey $found "log_format") }}
{{- $_ := set $found "log_format" "json" }}
{{- end }}
{{- toYaml $found }}
{{- end }}

{{/* A RoleBinding's or ClusterRoleBinding's subjects. */}}
{{- define "ingress-canary.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "ingress-canary.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* A Role with its binding: dict root, name, namespace ("" for a ClusterRole), rules (text). */}}
{{- define "ingress-canary.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if .namespace }}Role{{ else }}ClusterRole{{ end }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "ingress-canary.labels" .root | nindent 4 }}
rules:
{{ .rules | trim }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if .namespace }}RoleBinding{{ else }}ClusterRoleBinding{{ end }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "ingress-canary.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ if .namespace }}Role{{ else }}ClusterRole{{ end }}
  name: {{ .name }}
{{ include "ingress-canary.subjects" .root }}
{{- end }}
