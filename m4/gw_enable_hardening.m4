# GW_ENABLE_HARDENING
# Position-independent executables, full RELRO, stack protector, fortify
# (not under sanitizers, which it blinds, nor without optimisation).
AC_DEFUN([GW_ENABLE_HARDENING], [
	AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening],
	    [build without compiler and linker hardening])],
	    [], [enable_hardening=yes])
	gw_hard_cflags= gw_hard_ldflags=
	AS_IF([test "x$enable_hardening" = xyes], [
		for gw_flag in -fstack-protector-strong \
		    -fstack-clash-protection -fcf-protection -fPIE; do
			GW_TRY_CFLAG([$gw_flag],
			    [gw_hard_cflags="$gw_hard_cflags $gw_flag"])
		done
		for gw_flag in -pie -Wl,-z,relro -Wl,-z,now \
		    -Wl,-z,noexecstack; do
			GW_TRY_LDFLAG([$gw_flag],
			    [gw_hard_ldflags="$gw_hard_ldflags $gw_flag"])
		done
		AS_CASE(["x$enable_sanitizers$CFLAGS"], [*yes*|*-O0*], [], [
			GW_TRY_CFLAG([-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2],
			    [gw_hard_cflags="$gw_hard_cflags -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
		])
	])
	GW_CFLAGS="$GW_CFLAGS$gw_hard_cflags"
	AC_SUBST([GW_LDFLAGS], [$gw_hard_ldflags])
])
