/* SPDX-License-Identifier: Apache-2.0 */
/* One line that tells an operator what is wrong and what to do.
 *
 * The lowest layer that knows the cause fills it, once; the caller decides
 * whether it goes to the log, to stderr or back over a socket. Every function
 * that takes a `struct errmsg *why` fills it exactly when it fails; NULL is
 * allowed and ignored. */
#ifndef COMMON_ERRMSG_H
#define COMMON_ERRMSG_H

struct errmsg {
	char text[512];
};

/* Formats the message; both return -1 so that a caller can
 * `return errmsg_set(why, ...)`. errmsg_sys appends ": strerror(errno)". */
int errmsg_set(struct errmsg *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int errmsg_sys(struct errmsg *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
