# GW_CHECK_UNIT_TESTS: check, the unit test library; without it the programs
# still build and `make check` says what is missing.
AC_DEFUN([GW_CHECK_UNIT_TESTS], [
	PKG_CHECK_MODULES([CHECK], [check >= 0.15],
	    [gw_unit_tests=yes], [gw_unit_tests="no (check >= 0.15 not found)"])
	AM_CONDITIONAL([UNIT_TESTS], [test "x$gw_unit_tests" = xyes])
])
