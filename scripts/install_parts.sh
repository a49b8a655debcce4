#!/bin/sh
# Installs the programs of others that some tests talk to: real servers instead of imitations.
# Needs Debian, root and a network; without them it says so and the tests are skipped. Where
# CI=true a part that is missing is a failure, here as in the tests.
set -u

# program:package
PARTS="prometheus:prometheus promtool:prometheus prometheus-pushgateway:prometheus-pushgateway redis-server:redis-server"

missing=""
for part in $PARTS; do
    command -v "${part%%:*}" >/dev/null 2>&1 || missing="$missing ${part##*:}"
done
[ -z "$missing" ] && exit 0
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')

give_up() {
    echo "not installed: ${missing}($1); the tests that need them are skipped"
    [ "${CI:-}" = true ] && exit 1
    exit 0
}

command -v apt-get >/dev/null 2>&1 || give_up "no apt-get"
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    give_up "needs root"
fi

echo "installing the parts of others: $missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# What a package starts would only be in the way: the tests start their own. 101 forbids it.
policy=/usr/sbin/policy-rc.d
made_policy=""
if [ ! -e $policy ] && printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null 2>&1; then
    $as_root chmod 755 $policy
    made_policy=yes
fi
$as_root apt-get update -qq >"$log" 2>&1
$as_root apt-get install -qq -y --no-install-recommends $missing >>"$log" 2>&1
status=$?
[ -n "$made_policy" ] && $as_root rm -f $policy
if [ $status -ne 0 ]; then
    tail -n 3 "$log"
    rm -f "$log"
    give_up "apt-get failed"
fi
rm -f "$log"
