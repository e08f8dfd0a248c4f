# GW_COMPILER_WARNINGS
# Fills GW_CFLAGS with our warnings; --enable-werror makes them errors.
# The user's CFLAGS are never touched.
AC_DEFUN([GW_COMPILER_WARNINGS], [
	AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror],
	    [treat compiler warnings as errors])], [], [enable_werror=no])
	gw_cflags=
	for gw_flag in -std=gnu11 -Wall -Wextra -Wshadow -Wundef -Wvla \
	    -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
	    -Wpointer-arith -Wformat=2 -Wimplicit-fallthrough \
	    -Wno-unused-parameter -Wno-address-of-packed-member \
	    -fno-strict-aliasing -fno-common; do
		GW_TRY_CFLAG([$gw_flag], [gw_cflags="$gw_cflags $gw_flag"])
	done
	AS_IF([test "x$enable_werror" = xyes], [gw_cflags="$gw_cflags -Werror"])
	AC_SUBST([GW_CFLAGS], [$gw_cflags])
])

# GW_TRY_CFLAG(FLAG, [IF-TAKEN]): does the compiler take FLAG?
AC_DEFUN([GW_TRY_CFLAG], [
	gw_saved_cflags=$CFLAGS
	CFLAGS="$CFLAGS -Werror $1"
	AC_MSG_CHECKING([whether $CC takes $1])
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
	    [AC_MSG_RESULT([yes]); $2], [AC_MSG_RESULT([no])])
	CFLAGS=$gw_saved_cflags
])

# GW_TRY_LDFLAG(FLAG, [IF-TAKEN]): does the linker take FLAG?
AC_DEFUN([GW_TRY_LDFLAG], [
	gw_saved_ldflags=$LDFLAGS
	LDFLAGS="$LDFLAGS -Werror $1"
	AC_MSG_CHECKING([whether the linker takes $1])
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	    [AC_MSG_RESULT([yes]); $2], [AC_MSG_RESULT([no])])
	LDFLAGS=$gw_saved_ldflags
])
