# GW_CHECK_XDP
# --with-xdp=yes|no|auto. "yes" that cannot be met is an error that lists what
# is missing; "auto" builds without XDP then, and the summary says why.
AC_DEFUN([GW_CHECK_XDP], [
	AC_ARG_WITH([xdp], [AS_HELP_STRING([--without-xdp],
	    [build without the XDP programs])], [], [with_xdp=auto])
	gw_xdp=no gw_xdp_missing=
	AS_IF([test "x$with_xdp" != xno], [
		AC_PATH_PROGS([BPF_CLANG], [clang clang-19 clang-16 clang-14])
		AC_PATH_PROGS([BPFTOOL], [bpftool], [],
		    [$PATH:/usr/sbin:/sbin])
		PKG_CHECK_MODULES([LIBBPF], [libbpf >= 1.0],
		    [], [gw_xdp_missing="$gw_xdp_missing libbpf-dev"])
		AS_IF([test -z "$BPF_CLANG"],
		    [gw_xdp_missing="$gw_xdp_missing clang"])
		AS_IF([test -z "$BPFTOOL"],
		    [gw_xdp_missing="$gw_xdp_missing bpftool"])
		AS_IF([test -z "$gw_xdp_missing"], [gw_xdp=yes])
		AS_IF([test "x$with_xdp" = xyes && test "x$gw_xdp" = xno],
		    [AC_MSG_ERROR([--with-xdp: missing:$gw_xdp_missing])])
	])
	# Where <asm/types.h> lives, which clang -target bpf does not look in.
	BPF_CFLAGS="-target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -idirafter /usr/include/$($CC -print-multiarch 2>/dev/null || $CC -dumpmachine)"
	AC_SUBST([BPF_CFLAGS])
	AS_IF([test "x$gw_xdp" = xyes],
	    [AC_DEFINE([HAVE_XDP], [1], [Define to 1 to build the XDP parts.])],
	    [test -n "$gw_xdp_missing"],
	    [gw_xdp="no (missing:$gw_xdp_missing)"])
	AM_CONDITIONAL([XDP], [test "x$gw_xdp" = xyes])
])
