#!/bin/sh
# Checksum of a folder of sources: of the names and contents of all its files, without version control's. With a second
# argument it ends with an error unless the checksum is that.
set -e
cd "$1"
found="$(find . -type f ! -path './.git/*' ! -path './.git' | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)"
echo "$found"
[ $# -lt 2 ] || [ "$found" = "$2" ] || { echo "the sources in $1 have that checksum, and not '$2'" >&2; exit 1; }
