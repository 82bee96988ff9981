#!/usr/bin/env bash
# Prometheus 2.42.0 (Debian 12's package; the same was seen with 3.16.0): the HTTP API takes a fraction of a second
# without a unit, and whole numbers with one, but no fraction with a unit, for `timeout` as for `step`.
#
# Good guess: a server written in Go takes what Go prints and parses as a duration, 4.8s, and a client may send that.
# Seen: timeout=4.8s is answered 400 `cannot parse "4.8s" to a valid duration`; 4.8, 4800ms and 4s800ms are taken.
# Who is hurt: whoever derives a query's timeout from an interval, a share of it for instance: it works at 5 s and 10 s
# and is refused whole at 3 s or 6 s.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
version=2.42.0+ds-5+deb12u1
{ apt-get download "prometheus=$version" || { apt-get update && apt-get download "prometheus=$version"; }; } >/dev/null 2>&1
dpkg-deb --extract prometheus_*.deb root
echo 'scrape_configs: []' >none.yml
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
root/usr/bin/prometheus --config.file=none.yml --storage.tsdb.path=data --web.listen-address="127.0.0.1:$port" 2>log &
pid=$!
for _ in $(seq 100); do
  curl --silent --fail --output /dev/null "http://127.0.0.1:$port/-/ready" && break
  sleep 0.1
done

# asked PARAMETERS: the status of a query with them, and what the answer says of a fault
asked() {
  curl --silent --get --write-out ' %{http_code}\n' --data-urlencode 'query=vector(1)' "${@:2}" \
    "http://127.0.0.1:$port/api/v1/$1" | sed -E 's/.*"error":"(([^"\\]|\\.)*)".*\} ([0-9]+)$/\3 \1/; s/^\{.*\} ([0-9]+)$/\1/'
}
failed=0
expect() { # STATUS ENDPOINT PARAMETER...
  local wanted=$1 seen
  shift
  seen=$(asked "$@")
  echo "$* -> $seen"
  [ "${seen%% *}" = "$wanted" ] || failed=1
}
expect 400 query --data timeout=4.8s
expect 200 query --data timeout=4.8
expect 200 query --data timeout=4800ms
expect 200 query --data timeout=4s800ms
range=(--data start=0 --data end=60)
expect 400 query_range "${range[@]}" --data step=2.5s
expect 200 query_range "${range[@]}" --data step=2.5
exit "$failed"
