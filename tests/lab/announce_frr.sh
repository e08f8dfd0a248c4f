#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# announce.sh, with FRR on the router.
ROUTER=frr exec "$(dirname "$0")/announce.sh"
