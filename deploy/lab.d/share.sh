# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Is a share what chance allows? For the demo and the tests.

# share_fits NAME GOT TOTAL PART WHOLE: prints a line and succeeds if GOT of
# TOTAL is within 6 standard deviations of TOTAL * PART/WHOLE, as of flows that
# each choose by themselves: of 300 million right shares one fails.
share_fits() {
	awk -v name="$1" -v got="$2" -v total="$3" -v part="$4" -v whole="$5" '
	BEGIN {
		p = part / whole
		bound = 6 * sqrt(total * p * (1 - p))
		off = got - total * p
		fits = off <= bound && -off <= bound
		printf "  %-8s %5d of %d = %5.1f %%   expected %5.1f %% ± %.1f   %s\n",
		    name, got, total, 100 * got / total, 100 * p,
		    100 * bound / total, fits ? "ok" : "WRONG"
		exit !fits
	}'
}
