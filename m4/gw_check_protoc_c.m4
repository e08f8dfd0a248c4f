# GW_CHECK_PROTOC_C: the protobuf compiler for C.
AC_DEFUN([GW_CHECK_PROTOC_C], [
	AC_CHECK_PROGS([PROTOC_C], [protoc-c])
	AS_IF([test -z "$PROTOC_C"],
	    [AC_MSG_ERROR([protoc-c not found: install protobuf-c-compiler])])
])
