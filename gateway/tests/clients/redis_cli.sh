#!/usr/bin/env bash
# The sale and the group buy through an unmodified redis-cli. Usage: redis_cli.sh HOST PORT PROTOCOL (2 or 3).
#
# Each command is a process and so a connection of its own: every repeat here is a repeat after a reconnect.
# Prints one line per check; exits 1 at the first difference and says what differed.
set -euo pipefail

host=$1 port=$2 protocol=$3
sale="redis-cli-$protocol-sale" team="redis-cli-$protocol-team"

cli() {
  redis-cli -h "$host" -p "$port" "-$protocol" "$@"
}

passed() {
  echo "ok redis-cli RESP$protocol: $1"
}

differs() {
  echo "FAILED redis-cli RESP$protocol: $1" >&2
  exit 1
}

trap 'differs "line $LINENO ended with status $?: $BASH_COMMAND"' ERR

# One `key value` pair per line: RESP3 maps come out like that, RESP2 has key and value on lines of their own.
ask() {
  if [ "$protocol" = 3 ]; then cli "$@"; else cli "$@" | paste -d ' ' - -; fi
}

# expect "status HELD" "qty 1" -- BUY …: every pair is in the answer, `status` first.
expect() {
  local pairs=()
  while [ "$1" != -- ]; do pairs+=("$1"); shift; done
  shift
  answer=$(ask "$@")
  [[ $answer == "status "* ]] || differs "$*: the first pair is not status: $answer"
  for pair in "${pairs[@]}"; do
    grep -Fxq -- "$pair" <<<"$answer" || differs "$*: expected \`$pair\` in: $(tr '\n' ';' <<<"$answer")"
  done
}

value_of() {
  sed -n "s/^$1 //p" <<<"$answer"
}

# The command fails with a RESP error that has the text in it.
fails() {
  local text=$1 output
  shift
  if output=$(cli -e "$@" 2>&1); then differs "$*: expected an error, got $output"; fi
  grep -Fqi -- "$text" <<<"$output" || differs "$*: expected an error with '$text', got $output"
}

expect "status OK" -- OFFER PUT "$sale" '{"price":1990,"stock":5,"limit":{"buyer":1}}'
passed "an offer is put on sale"
expect "status HELD" "id r1" "qty 1" "price 1990" "amount 1990" -- BUY "$sale" alice r1
event=$(value_of event)
[[ $event =~ ^[0-9]+-[0-9]+$ ]] || differs "event is not <epoch>-<seq>: $answer"
hold_ms=$(($(value_of expires) - $(date +%s%3N)))
((hold_ms > 840000 && hold_ms < 960000)) || differs "expires is not about 15 minutes from now: $answer"
passed "a BUY is held for 15 minutes and names its event"
expect "status WON" -- PAY "$sale" r1
passed "a PAY wins"
expect "status WON" "replayed 1" "event $event" -- BUY "$sale" alice r1
passed "the same BUY on a new connection is a replay of the first"
expect "status ID_CONFLICT" "field buyer" -- BUY "$sale" bob r1
passed "another buyer with a used id is an ID_CONFLICT"

expect "status LIMIT" -- BUY "$sale" alice r2
expect "status OFFER_UNKNOWN" -- BUY no-such-offer alice r1
passed "refusals are answers, not errors"
fails "unknown command" NOSUCH x
fails "ERR" BUY "$sale"
fails "ERR" BUY "$sale" bob r3 QTY 0
fails "ERR" CLIENT NO-SUCH-SUBCOMMAND
passed "misuse is an error"

output=$(for n in 1 2 3 4 5 6; do printf 'BUY %s buyer%d p%d\r\n' "$sale" "$n" "$n"; done | cli --pipe)
grep -Fq "errors: 0, replies: 6" <<<"$output" || differs "--pipe with six BUYs: $output"
expect "total 5" "available 0" "held 4" "sold 1" -- POOL GET "$sale"
passed "--pipe sends six BUYs for four units"
output=$(printf '%s\n' MULTI "CANCEL $sale p1" "BUY $sale carol t1" "PAY $sale t1" EXEC | cli)
[ "$(grep -Fxc QUEUED <<<"$output")" = 3 ] || differs "MULTI did not queue three commands: $output"
for status in RELEASED HELD WON; do
  grep -Fwq "$status" <<<"$output" || differs "EXEC has no $status: $output"
done
passed "MULTI/EXEC answers each command"
output=$(printf '%s\n' MULTI "CANCEL $sale p2" NOSUCH EXEC | cli)
grep -Fq EXECABORT <<<"$output" || differs "EXEC after a mistake: $output"
expect "status HELD" -- SHOW "$sale" p2
passed "a MULTI with a mistake in it changes nothing"

expect "status OK" -- OFFER PUT "$team" '{"price":900,"stock":10,"settle":{"group":{"size":2,"open":"10m"}}}'
expect "status HELD" "group g1" "seats_left 1" -- BUY "$team" lena g1 GROUP NEW
expect "status HELD" "group g1" "seats_left 0" -- BUY "$team" max g2 GROUP g1
expect "status GROUP_FULL" -- BUY "$team" nora g3 GROUP g1
passed "a group of two opens, fills, and refuses the third"
expect "status PAID" -- PAY "$team" g1
expect "status WON" -- PAY "$team" g2
expect "status WON" "buyer lena" -- SHOW "$team" g1
passed "the last payment forms the group for both"

feeds=$(($(cli INFO stampede | sed -n 's/^shards:\([0-9]*\).*/\1/p') - 1)) found=
for shard in $(seq 0 "$feeds"); do
  entry=$(cli XRANGE "feed:$shard" "$event" "$event" | paste -sd ' ')
  if [[ $entry == "$event type held "*" offer $sale id r1 buyer alice "* ]]; then found=$shard; fi
done
[ -n "$found" ] || differs "XRANGE finds no entry $event of $sale"
# Counters of demand may come on the feed at any time: all ways of asking agree once nothing came in between.
for attempt in 1 2 3 4 5 6; do
  last=$(cli XREVRANGE "feed:$found" + - COUNT 1 | head -n 1) info=$(cli XINFO STREAM "feed:$found") len=$(cli XLEN "feed:$found")
  if grep -Fq "$last" <<<"$info" && [ "$len" = "${last#*-}" ]; then break; fi
  [ "$attempt" -lt 6 ] || differs "the last entry is $last, XLEN is $len, XINFO STREAM: $info"
done
cli XREAD COUNT 1 STREAMS "feed:$found" 0 | grep -Eq -- '^ *[0-9]+-1$|[0-9]+-1$' || differs "XREAD from 0 does not begin with entry 1"
passed "XRANGE, XREVRANGE, XINFO, XLEN and XREAD read the feed"

expect "total 5" "available 0" "held 3" "sold 2" -- POOL GET "$sale"
expect "status OK" -- AUDIT "$sale"
expect "status OK" -- AUDIT "$team"
passed "the pool adds up and the audit is OK"
cli INFO | grep -q '^redis_version:' || differs "INFO has no redis_version"
cli COMMAND DOCS BUY | grep -qi summary || differs "COMMAND DOCS BUY has no summary"
[ "$(cli COMMAND COUNT)" -ge 20 ] || differs "COMMAND COUNT is below 20"
passed "INFO, COMMAND DOCS and COMMAND COUNT answer"
