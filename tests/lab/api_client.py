"""A plain HTTP client of a Kubernetes API, and the small kind that the tests of the lab's API use."""

import asyncio
import base64
import json
import os
import ssl
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
GROUP = "contract.example.test"
WIDGETS = f"/apis/{GROUP}/v1/namespaces/{{ns}}/widgets"

CRD: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"widgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {
            "plural": "widgets",
            "kind": "Widget",
            "listKind": "WidgetList",
            "singular": "widget",
            "shortNames": ["wd"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer", "minimum": 1, "maximum": 9},
                                    "share": {"type": "number", "minimum": 0, "maximum": 100},
                                    "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
                                    "title": {"type": "string", "pattern": "^[a-z]*$", "maxLength": 5},
                                    "note": {"type": "string", "nullable": True},
                                    "parts": {
                                        "type": "array",
                                        "maxItems": 2,
                                        "items": {
                                            "type": "object",
                                            "required": ["name"],
                                            "properties": {
                                                "name": {"type": "string", "minLength": 1},
                                                "count": {"type": "integer", "default": 1},
                                            },
                                        },
                                    },
                                    "port": {"x-kubernetes-int-or-string": True},
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                                },
                            },
                            "status": {
                                "type": "object",
                                "properties": {
                                    "phase": {"type": "string"},
                                    "count": {"type": "integer"},
                                    "conditions": {
                                        "type": "array",
                                        "items": {
                                            "type": "object",
                                            "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
                                        },
                                    },
                                },
                            },
                        },
                    }
                },
            }
        ],
    },
}


def widget(name: str = "", **spec: Any) -> Json:
    """Return a Widget; of size 3 by default."""
    metadata = {"name": name} if name else {}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": metadata, "spec": {"size": 3, **spec}}


def config_map(name: str, *, labels: Json | None = None, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels or {}}, "data": data}


def ingress(name: str, path: Json | None = None) -> Json:
    paths = [
        {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "shop", "port": {"number": 80}}}}
        | (path or {})
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {"rules": [{"host": "shop.test", "http": {"paths": paths}}]},
    }


class Client:
    """One user of an API server. ``{ns}`` in paths is the test's namespace."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str) -> None:
        self.session = session
        self.namespace = namespace
        self.custom_alone = False
        """Whether the server has custom resources alone: a test that asks for others is skipped there."""

    async def call(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json", agent: str = "tester/1.0"
    ) -> tuple[int, Json]:
        """Return the code and the JSON that a request is answered with."""
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"User-Agent": agent, "Content-Type": kind}
        async with self.session.request(method, path.format(ns=self.namespace), data=raw, headers=headers) as response:
            answer = {} if response.content_type == "text/plain" else await response.json()
            if self.custom_alone and response.status == 404 and answer.get("kind") != "Status":
                pytest.skip(f"the server has custom resources alone, and no {path}")
            return response.status, answer

    async def serves(self, path: str) -> bool:
        """Return whether anything is served at a path."""
        async with self.session.get(path) as response:
            return response.status == 200

    async def ok(self, method: str, path: str, body: Any = None, **more: str) -> Json:
        """Return the JSON of a request that must succeed."""
        code, answer = await self.call(method, path, body, **more)
        assert code < 300, answer
        return answer

    async def refused(self, method: str, path: str, body: Any = None, **more: str) -> tuple[int, str]:
        """Return code and reason of a request that must be refused with a Status."""
        code, answer = await self.call(method, path, body, **more)
        assert answer.get("kind") == "Status", answer
        assert answer["status"] == "Failure", answer
        assert answer["code"] == code, answer
        return code, answer.get("reason", "")

    async def causes(self, method: str, path: str, body: Any = None, **more: str) -> set[str]:
        """Return the fields that an Invalid answer names."""
        code, answer = await self.call(method, path, body, **more)
        assert (code, answer.get("reason")) == (422, "Invalid"), answer
        return {cause["field"] for cause in answer["details"]["causes"]}

    @asynccontextmanager
    async def watch(self, path: str) -> AsyncIterator[AsyncIterator[tuple[str, Json]]]:
        """Yield the events of a watch: (type, object)."""
        url = path.format(ns=self.namespace)
        async with self.session.get(url, timeout=aiohttp.ClientTimeout(total=30)) as response:
            assert response.status == 200, await response.text()
            yield _events(response)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Json]]:
    async for line in response.content:
        event = json.loads(line)
        yield event["type"], event["object"]


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def session_of(kubeconfig: Json, token: str = "") -> AsyncIterator[aiohttp.ClientSession]:
    """Yield an HTTP session for the first context of a kubeconfig."""
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    token = token or user.get("token", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    tls = _tls(cluster, user) if cluster["server"].startswith("https") else None
    connector = aiohttp.TCPConnector(ssl=tls) if tls else aiohttp.TCPConnector()
    async with aiohttp.ClientSession(cluster["server"], headers=headers, connector=connector) as session:
        yield session


@asynccontextmanager
async def contract_client(kubeconfig: Json) -> AsyncIterator[Client]:
    """Yield a client with a namespace of its own, on a server that has namespaces."""
    async with session_of(kubeconfig) as session:
        client = Client(session, f"contract-{uuid.uuid4().hex[:8]}")
        client.custom_alone = not await client.serves("/api/v1")
        if client.custom_alone:
            yield client
            return
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": client.namespace}}
        await client.ok("POST", "/api/v1/namespaces", namespace)
        yield client
        await client.call("DELETE", f"/api/v1/namespaces/{client.namespace}")


def _tls(cluster: Json, user: Json) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=_pem(cluster, "certificate-authority"))
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _pem(user, "client-certificate")
    if certificate:
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_text(f"{certificate}\n{_pem(user, 'client-key')}")
            context.load_cert_chain(os.fspath(pair))
    return context


def _pem(holder: Json, key: str) -> str | None:
    if f"{key}-data" in holder:
        return base64.b64decode(holder[f"{key}-data"]).decode()
    return Path(holder[key]).read_text() if key in holder else None
