# GW_ENABLE_FUZZING
# --enable-fuzzing links the fuzz targets with libFuzzer (clang only). Without
# it they are built with a main() that replays the stored corpus, so that every
# `make check`, with any compiler, runs every input ever stored.
AC_DEFUN([GW_ENABLE_FUZZING], [
	AC_ARG_ENABLE([fuzzing], [AS_HELP_STRING([--enable-fuzzing],
	    [link fuzz targets with libFuzzer (clang)])],
	    [], [enable_fuzzing=no])
	AS_IF([test "x$enable_fuzzing" = xyes], [
		gw_fuzz_ok=no
		GW_TRY_LDFLAG([-fsanitize=fuzzer-no-link], [gw_fuzz_ok=yes])
		AS_IF([test "x$gw_fuzz_ok" = xno],
		    [AC_MSG_ERROR([--enable-fuzzing needs clang with libFuzzer: CC=clang, package libclang-rt-14-dev])])
		GW_CFLAGS="$GW_CFLAGS -fsanitize=fuzzer-no-link"
		AC_SUBST([FUZZ_LDFLAGS], [-fsanitize=fuzzer])
	])
	AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" = xyes])
])
