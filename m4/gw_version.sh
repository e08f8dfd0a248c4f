#!/bin/sh
# Prints the version: from .tarball-version in a release, else from git.
# configure.ac calls it; nothing else knows a version number.
cd "$(dirname "$0")/.." || exit 1
if [ -f .tarball-version ]; then
	tr -d '\n' <.tarball-version
elif v=$(git describe --tags --match 'v[0-9]*' 2>/dev/null); then
	printf '%s' "${v#v}"
elif h=$(git rev-parse --short HEAD 2>/dev/null); then
	printf '0.1.0-%s-g%s' "$(git rev-list --count HEAD)" "$h"
else
	printf '0.1.0'
fi
