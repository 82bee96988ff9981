"""A real nginx with Lua, in the phases of the controller's: who is asked, and what is counted, before a side is drawn.

The configuration has the shape of ingress-nginx's (rootfs/etc/nginx/template/nginx.tmpl of v1.15): rewrite_by_lua of a
location draws, its log_by_lua counts. It is what ``own_answers.py``, rule 30 and the lab's proxy rest on.
"""

import asyncio
import os
import re
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

pytestmark = pytest.mark.slow

HOW = "nginx with Lua is missing: apt-get install nginx libnginx-mod-http-lua"
MODULES = Path("/usr/lib/nginx/modules")
CONFIG = """\
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
daemon off;
pid {room}/nginx.pid;
error_log {room}/error.log notice;
events {{}}
http {{
  access_log off;
  client_body_temp_path {room}/body;
  proxy_temp_path {room}/proxy;
  fastcgi_temp_path {room}/fastcgi;
  uwsgi_temp_path {room}/uwsgi;
  scgi_temp_path {room}/scgi;
  server {{
    listen 127.0.0.1:{port};
    if ($http_x_blocked) {{ return 403; }}
    if ($uri = /app-root) {{ return 302 /app; }}
    location / {{
      set $side none;
      rewrite_by_lua_block {{ ngx.var.side = "drawn" }}
      log_by_lua_block {{ ngx.log(ngx.NOTICE, "counted ", ngx.var.uri, " ", ngx.status, " ", ngx.var.side, ";") }}
      if ($request_method = OPTIONS) {{ return 204; }}
      if ($http_x_bot) {{ return 403; }}
      if ($http_x_moved) {{ rewrite ^ /login redirect; }}
      access_by_lua_block {{ if ngx.var.http_x_denied then return ngx.exit(401) end }}
      content_by_lua_block {{ ngx.say("answered") }}
    }}
  }}
}}
"""


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """Run it; yield its address and its log."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None or not (MODULES / "ngx_http_lua_module.so").exists():
        if os.environ.get("CI") == "true":
            pytest.fail(HOW)
        pytest.skip(HOW)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "nginx.conf").write_text(CONFIG.format(room=tmp_path, port=port, modules=MODULES))
    arguments = ("-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf"))
    process = await asyncio.create_subprocess_exec(program, *arguments)
    try:
        async with asyncio.timeout(20):
            while not await _listens(port):
                assert process.returncode is None, (tmp_path / "error.log").read_text()
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}", tmp_path / "error.log"
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_what_is_answered_before_the_draw_and_what_of_it_is_counted(nginx: tuple[str, Path]) -> None:
    url, log = nginx
    asked = [
        ("/server", "GET", {"X-Blocked": "1"}, 403),
        ("/app-root", "GET", {}, 302),
        ("/", "GET", {}, 200),
        ("/preflight", "OPTIONS", {}, 204),
        ("/snippet", "GET", {"X-Bot": "1"}, 403),
        ("/redirect", "GET", {"X-Moved": "1"}, 302),
        ("/denied", "GET", {"X-Denied": "1"}, 401),
    ]
    async with aiohttp.ClientSession() as session:
        for path, method, headers, status in asked:
            async with session.request(method, url + path, headers=headers, allow_redirects=False) as answer:
                assert answer.status == status, path
    async with asyncio.timeout(20):
        while len(counted := re.findall(r"counted (\S+) (\d+) (\w+);", log.read_text())) < 5:
            await asyncio.sleep(0.05)
    assert counted == [
        # what a server answers is counted for no location at all
        ("/", "200", "drawn"),
        # a location's own answers are counted, for no side that was asked
        ("/preflight", "204", "none"),
        ("/snippet", "403", "none"),
        ("/redirect", "302", "none"),
        # authentication comes after the draw
        ("/denied", "401", "drawn"),
    ]
