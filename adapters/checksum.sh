#!/bin/sh
# Checksum of a folder of sources: of the names and contents of all its files, without version control's.
set -e
cd "$1"
find . -type f ! -path './.git/*' ! -path './.git' | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
