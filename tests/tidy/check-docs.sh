#!/bin/sh
# Goal: the printed reference pages are those of this program.  `make pages` writes them.
set -u
printer=$CAPSTAN_BUILD/docs/capstan-docs
failed=0
for page in config counters errors messages wires; do
    if ! "$printer" "$page" | diff -u "$CAPSTAN_SOURCE/docs/$page.md" -; then
        echo "docs/$page.md is stale: make pages"
        failed=1
    fi
    "$printer" "$page" > /dev/null || failed=1
done
exit $failed
