#!/usr/bin/env bash
# krew v0.5.0 (Go module sigs.k8s.io/krew): a plugin's tar.gz that holds a symbolic link cannot be installed.
#
# Good guess: krew unpacks any ordinary tar.gz and then takes what the manifest's `files` and `bin` name, so that a link
# in it (two names for one program, libNAME.so to libNAME.so.1, as tar keeps them) does no harm.
# Seen: the whole installation fails while unpacking, whatever `files` selects; validation of the manifest knows nothing
# of it. The same archive with a copy instead of the link installs.
# Who is hurt: whoever ships a folder with shared libraries, or a program that goes by two names.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
GOBIN=$work GOPATH=$work/go GOFLAGS=-modcacherw go install sigs.k8s.io/krew/cmd/krew@v0.5.0
export KREW_ROOT=$work/root HOME=$work

# pack KIND: an archive with one program and a second name for it, and its manifest.
pack() {
  local folder=$work/$1
  mkdir "$folder"
  printf '#!/bin/sh\necho it runs\n' >"$folder/kubectl-sample"
  chmod +x "$folder/kubectl-sample"
  case $1 in
    link) ln -s kubectl-sample "$folder/sample" ;;
    copy) cp "$folder/kubectl-sample" "$folder/sample" ;;
  esac
  tar -C "$folder" -czf "$work/$1.tar.gz" kubectl-sample sample
  cat >"$work/$1.yaml" <<YAML
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: sample
spec:
  version: v0.0.1
  shortDescription: A sample
  platforms:
  - selector: {matchLabels: {os: linux}}
    uri: https://plugins.example/sample.tar.gz
    sha256: $(sha256sum "$work/$1.tar.gz" | cut -d' ' -f1)
    files: [{from: kubectl-sample, to: .}]
    bin: kubectl-sample
YAML
}

pack link
pack copy
if said=$("$work/krew" install --manifest="$work/link.yaml" --archive="$work/link.tar.gz" 2>&1); then
  echo "the archive with a link was installed" >&2
  exit 1
fi
echo "with a link: $(grep -o 'unable to handle.*' <<<"$said" | head -1)"
grep -q 'unable to handle file type 50 for "sample" in tar' <<<"$said"
"$work/krew" install --manifest="$work/copy.yaml" --archive="$work/copy.tar.gz" >"$work/copy.log" 2>&1 || { cat "$work/copy.log" >&2; exit 1; }
test "$("$KREW_ROOT/bin/kubectl-sample")" = "it runs"
echo "with a copy: installed, and it runs"
