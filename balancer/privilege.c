/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct {
	cap_value_t value;
	const char *name;
} kept[] = {{CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_NET_RAW, "CAP_NET_RAW"}};
#define N_KEPT ((int)(sizeof(kept) / sizeof(kept[0])))

int
privilege_check(struct errmsg *why)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t flag;
	int r = 0;

	if (caps == NULL)
		return errmsg_sys(why, "capabilities");
	for (int i = 0; i < N_KEPT && r == 0; i++) {
		if (cap_get_flag(caps, kept[i].value, CAP_EFFECTIVE, &flag) ==
			0 &&
		    flag == CAP_SET)
			continue;
		r = errmsg_set(why,
		    "%s is missing: run it as root, or give it "
		    "CAP_NET_ADMIN and CAP_NET_RAW",
		    kept[i].name);
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

static int
keep_capabilities(struct errmsg *why)
{
	cap_t caps = cap_init();
	int r = 0;

	if (caps == NULL)
		return errmsg_sys(why, "capabilities");
	for (int i = 0; i < N_KEPT; i++) {
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &kept[i].value,
			CAP_SET) == -1 ||
		    cap_set_flag(
			caps, CAP_EFFECTIVE, 1, &kept[i].value, CAP_SET) == -1)
			r = -1;
	}
	if (r == -1 || cap_set_proc(caps) == -1)
		r = errmsg_sys(why, "capabilities");
	cap_free(caps);
	return r;
}

int
privilege_drop(const char *user, struct errmsg *why)
{
	if (user != NULL && geteuid() == 0 && become(user, why) == -1)
		return -1;
	if (keep_capabilities(why) == -1)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return errmsg_sys(why, "no new privileges");
	return 0;
}
