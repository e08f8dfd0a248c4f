# GW_SUMMARY: what configure decided, in one glance.
AC_DEFUN([GW_SUMMARY], [
	AC_MSG_NOTICE([

  Guideway $PACKAGE_VERSION
    compiler      $CC $CFLAGS
    our flags    $GW_CFLAGS
    linker flags $GW_LDFLAGS
    install in    $prefix
    XDP           $gw_xdp
    unit tests    $gw_unit_tests
    sanitizers    $enable_sanitizers
    fuzzing       $enable_fuzzing
    hardening     $enable_hardening
    -Werror       $enable_werror
])
])
