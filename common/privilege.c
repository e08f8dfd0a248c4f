/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct {
	unsigned bit;
	cap_value_t value;
	const char *name;
} known[] = {
    {PRIVILEGE_NET_ADMIN, CAP_NET_ADMIN, "CAP_NET_ADMIN"},
    {PRIVILEGE_NET_RAW, CAP_NET_RAW, "CAP_NET_RAW"},
    {PRIVILEGE_BPF, CAP_BPF, "CAP_BPF"},
    {PRIVILEGE_PERFMON, CAP_PERFMON, "CAP_PERFMON"},
};
#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static bool
has(cap_t caps, cap_value_t value, cap_flag_t of)
{
	cap_flag_value_t flag;

	return cap_get_flag(caps, value, of, &flag) == 0 && flag == CAP_SET;
}

/* "CAP_NET_ADMIN and CAP_NET_RAW" */
static const char *
names(unsigned set, char *buf, size_t len)
{
	int used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < N_KNOWN; i++) {
		if ((set & known[i].bit) != 0 && (size_t)used < len)
			used += snprintf(buf + used, len - (size_t)used, "%s%s",
			    used == 0 ? "" : " and ", known[i].name);
	}
	return buf;
}

int
privilege_check(unsigned set, struct errmsg *why)
{
	cap_t caps = cap_get_proc();
	char all[64];
	int r = 0;

	if (caps == NULL)
		return errmsg_sys(why, "capabilities");
	for (size_t i = 0; i < N_KNOWN && r == 0; i++) {
		if ((set & known[i].bit) == 0 ||
		    has(caps, known[i].value, CAP_EFFECTIVE))
			continue;
		r = errmsg_set(why,
		    "%s is missing: run it as root, or give it %s",
		    known[i].name, names(set, all, sizeof(all)));
	}
	cap_free(caps);
	return r;
}

static int
become(const char *user, struct errmsg *why)
{
	const struct passwd *pw;

	errno = 0;
	if ((pw = getpwnam(user)) == NULL)
		return errno == 0
		    ? errmsg_set(why, "user %s: there is none", user)
		    : errmsg_sys(why, "user %s", user);
	/* Its groups too: one may be what gives access to the socket. */
	if (prctl(PR_SET_KEEPCAPS, 1) == -1 ||
	    initgroups(user, pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return errmsg_sys(why, "become user %s", user);
	return 0;
}

/* What is permitted of the set becomes all there is. */
static int
keep_capabilities(unsigned set, struct errmsg *why)
{
	cap_t had = cap_get_proc(), kept = cap_init();
	int r = had == NULL || kept == NULL ? -1 : 0;

	for (size_t i = 0; i < N_KNOWN && r == 0; i++) {
		if ((set & known[i].bit) == 0 ||
		    !has(had, known[i].value, CAP_PERMITTED))
			continue;
		if (cap_set_flag(kept, CAP_PERMITTED, 1, &known[i].value,
			CAP_SET) == -1 ||
		    cap_set_flag(
			kept, CAP_EFFECTIVE, 1, &known[i].value, CAP_SET) == -1)
			r = -1;
	}
	if (r == -1 || cap_set_proc(kept) == -1)
		r = errmsg_sys(why, "capabilities");
	if (kept != NULL)
		cap_free(kept);
	if (had != NULL)
		cap_free(had);
	return r;
}

int
privilege_drop(const char *user, unsigned set, struct errmsg *why)
{
	if (user != NULL && geteuid() == 0 && become(user, why) == -1)
		return -1;
	if (keep_capabilities(set, why) == -1)
		return -1;
	/* They are for us, not for the programs that we start. EINVAL: a kernel
	 * before 4.3, where there is no such way to inherit them. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 &&
	    errno != EINVAL)
		return errmsg_sys(why, "ambient capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return errmsg_sys(why, "no new privileges");
	return 0;
}
