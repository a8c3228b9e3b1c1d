#!/bin/sh
# Puts the package of an adapter where Python finds it, with its entry point: `register.sh ENGINE FOLDER`, with the version of
# the folder's pyproject.toml. No build tool is needed in the image.
set -e
engine="$1"
package="reconstruction_$engine"
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' "$2/pyproject.toml")"
site="$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
cp -r "$2/$package" "$site"
info="$site/reconstruction_engine_$engine-$version.dist-info"
mkdir "$info"
printf 'Metadata-Version: 2.1\nName: reconstruction-engine-%s\nVersion: %s\n' "$engine" "$version" > "$info/METADATA"
printf '[reconstruction.engines]\n%s = %s:ENGINE\n' "$engine" "$package" > "$info/entry_points.txt"
