#!/usr/bin/env bash
# VictoriaMetrics v1.151.0: rate(x[7d]) divides by the time for which a series had samples, not by the seven days.
#
# Good guess: sum(rate(x[7d])) is what came per second on average over the week, as it is in Prometheus, whose HTTP API
# and query language VictoriaMetrics takes over, all but the extrapolation.
# Seen: of seven pods that lived a day each, one after the other, each at 10 requests a second, rate makes 70 a second.
# sum(increase(x[7d])) / 604800 makes 10 in both.
# Who is hurt: whoever sums rates over a span in which pods were replaced: capacity plans, and alerts on long windows.
# Needs Go 1.21 or later and curl; building takes minutes at first.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
CGO_ENABLED=0 GOTOOLCHAIN=auto GOBIN=$work \
  go install github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics@v1.151.0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
./victoria-metrics -storageDataPath=data -httpListenAddr="127.0.0.1:$port" -loggerLevel=ERROR >log 2>&1 &
pid=$!
for _ in $(seq 100); do
  curl --silent --fail --output /dev/null "$url/health" && break
  sleep 0.1
done
now=$(($(date +%s) / 60 * 60))
for day in 7 6 5 4 3 2 1; do # each day a new pod, whose counter begins at 0
  for ((age = 0; age < 86400; age += 60)); do
    echo "x{pod=\"$day\"} $((10 * age)) $((now - 86400 * day + age))000"
  done
done >samples
curl --silent --fail --data-binary @samples "$url/api/v1/import/prometheus"
sleep 2
curl --silent --fail --output /dev/null "$url/internal/force_flush"
failed=0
expect() { # NUMBER QUERY
  local seen
  seen=$(curl --silent --data nocache=1 --data time="$((now - 60))" --data-urlencode "query=$2" "$url/api/v1/query" |
    python3 -c 'import json, sys; print(round(float(json.load(sys.stdin)["data"]["result"][0]["value"][1])))')
  echo "$2 -> $seen"
  [ "$seen" = "$1" ] || failed=1
}
expect 70 'sum(rate(x[7d]))'
expect 10 'sum(increase(x[7d])) / 604800'
exit "$failed"
