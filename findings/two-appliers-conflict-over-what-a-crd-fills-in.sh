#!/usr/bin/env bash
# k8s.io/apiextensions-apiserver v0.37.2 (Kubernetes 1.37) with etcd: server-side apply of one and the same manifest by
# two field managers is a conflict where the CRD has a default inside the items of a list.
#
# Good guess: who applies exactly what is stored already becomes an owner beside the first, without a conflict: the
# documentation of server-side apply says that conflicts are about values that differ, and defaults are the server's own.
# Seen: the list is one value (atomic, as lists without x-kubernetes-list-type are), and the stored one differs from the
# applied one by what the server has filled in, so that the second manager gets 409 for the list. The first manager may
# apply it again. The same CRD without the default takes both managers.
# Who is hurt: a GitOps tool and a person, or two tools, that apply one manifest; and kubectl apply, which replaces the
# list each time for the same reason.
# Needs Go 1.21 or later, curl and etcd (apt-get install etcd-server); building takes minutes at first.
set -euo pipefail
work=$(mktemp -d)
trap 'kill ${etcd:-} ${server:-} 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
printf 'module finding\n\ngo 1.26.0\n\nrequire k8s.io/apiextensions-apiserver v0.37.2\n' >go.mod
cat >main.go <<'GO'
// The API server of custom resources alone: without users, rights and admission, for which its command asks another one.
package main

import (
	"log"
	"net"
	"os"
	"strconv"

	"k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	generatedopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/kubernetes/scheme"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	chosen := options.NewCustomResourceDefinitionsServerOptions(nil, nil)
	recommended, loopback := chosen.RecommendedOptions, net.IPv4(127, 0, 0, 1)
	port, err := strconv.Atoi(os.Args[1])
	must(err)
	recommended.Etcd.StorageConfig.Transport.ServerList = []string{os.Args[2]}
	recommended.SecureServing.BindAddress, recommended.SecureServing.BindPort = loopback, port
	recommended.SecureServing.ServerCert.CertDirectory = "certificates"
	recommended.Authentication, recommended.Authorization = nil, nil
	recommended.CoreAPI, recommended.Admission = nil, nil
	recommended.Features.EnablePriorityAndFairness = false
	must(chosen.ServerRunOptions.ComponentGlobalsRegistry.Set())
	must(chosen.Complete())
	must(recommended.SecureServing.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{loopback}))
	generic := genericapiserver.NewRecommendedConfig(apiserver.Codecs)
	must(chosen.ServerRunOptions.ApplyTo(&generic.Config))
	must(recommended.ApplyTo(generic))
	must(chosen.APIEnablement.ApplyTo(&generic.Config, apiserver.DefaultAPIResourceConfigSource(), apiserver.Scheme))
	names := openapi.NewDefinitionNamer(apiserver.Scheme, scheme.Scheme)
	generic.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, names)
	generic.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, names)
	config := &apiserver.Config{GenericConfig: generic, ExtraConfig: apiserver.ExtraConfig{
		CRDRESTOptionsGetter: options.NewCRDRESTOptionsGetter(
			*recommended.Etcd, generic.ResourceTransformers, generic.StorageObjectCountTracker),
		ServiceResolver: webhook.NewDefaultServiceResolver(),
	}}
	server, err := config.Complete().New(genericapiserver.NewEmptyDelegate())
	must(err)
	must(server.GenericAPIServer.PrepareRun().RunWithContext(genericapiserver.SetupSignalContext()))
}
GO
CGO_ENABLED=0 GOTOOLCHAIN=auto GOWORK=off go build -mod=mod -o server .

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
clients=http://127.0.0.1:$(free_port) peers=http://127.0.0.1:$(free_port) port=$(free_port)
etcd --data-dir data --listen-client-urls "$clients" --advertise-client-urls "$clients" --listen-peer-urls "$peers" \
  --initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers" >etcd.log 2>&1 &
etcd=$!
./server "$port" "$clients" >server.log 2>&1 &
server=$!
api=https://127.0.0.1:$port/apis
ask() { curl --silent --insecure --output answer --write-out '%{http_code}' "$@"; }
for _ in $(seq 300); do
  [ "$(ask "https://127.0.0.1:$port/readyz")" = 200 ] && break
  sleep 0.2
done

define() { # PLURAL KIND COLOUR: a kind whose spec.parts has items with a size and a colour, of this schema
  cat >crd.json <<JSON
{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "$1.example.com"},
 "spec": {"group": "example.com", "names": {"plural": "$1", "kind": "$2"}, "scope": "Namespaced",
  "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object",
   "properties": {"spec": {"type": "object", "properties": {"parts": {"type": "array", "items": {"type": "object",
    "properties": {"size": {"type": "integer"}, "colour": $3}}}}}}}}}]}}
JSON
  ask -X POST -H 'Content-Type: application/json' --data @crd.json "$api/apiextensions.k8s.io/v1/customresourcedefinitions" \
    >/dev/null
  for _ in $(seq 100); do
    [ "$(ask "$api/example.com/v1/namespaces/default/$1")" = 200 ] && break
    sleep 0.2
  done
}
failed=0
apply() { # EXPECTED PLURAL KIND MANAGER
  local code manifest
  manifest="{\"apiVersion\": \"example.com/v1\", \"kind\": \"$3\", \"metadata\": {\"name\": \"one\"}, \"spec\": {\"parts\": [{\"size\": 1}]}}"
  code=$(ask -X PATCH -H 'Content-Type: application/apply-patch+yaml' --data "$manifest" \
    "$api/example.com/v1/namespaces/default/$2/one?fieldManager=$4")
  echo "$2, applied by $4: $code $(python3 -c 'import json; print([c["field"] for c in json.load(open("answer")).get("details", {}).get("causes", [])])')"
  [ "$code" = "$1" ] || failed=1
}
define painted Painted '{"type": "string", "default": "red"}'
apply 201 painted Painted first
apply 200 painted Painted first
apply 409 painted Painted second
define plain Plain '{"type": "string"}'
apply 201 plain Plain first
apply 200 plain Plain second
exit "$failed"
