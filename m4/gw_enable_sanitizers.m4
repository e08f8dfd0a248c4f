# GW_ENABLE_SANITIZERS
# --enable-sanitizers: AddressSanitizer and UndefinedBehaviorSanitizer, with
# leak checking; every finding ends the program.
AC_DEFUN([GW_ENABLE_SANITIZERS], [
	AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers],
	    [build with ASan and UBSan])], [], [enable_sanitizers=no])
	AS_IF([test "x$enable_sanitizers" = xyes], [
		gw_san="-fsanitize=address,undefined -fno-sanitize-recover=all"
		GW_CFLAGS="$GW_CFLAGS $gw_san -fno-omit-frame-pointer"
		GW_LDFLAGS="$GW_LDFLAGS $gw_san"
	])
	AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" = xyes])
])
