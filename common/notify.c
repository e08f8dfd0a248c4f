/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"

#define FIRST_FD 3   /* sd_listen_fds(3) */
#define FDS_MAX  256 /* more than any unit gives */

/* fd -1: none goes with it. */
static int
send_to(int s, const struct sockaddr_un *sun, size_t path_len,
    const char *state, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = ""};
	struct iovec text = {(void *)state, strlen(state)};
	struct msghdr m = {.msg_name = (void *)sun,
	    .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		path_len),
	    .msg_iov = &text,
	    .msg_iovlen = 1};

	if (fd != -1) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(s, &m, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

static bool
tell(const char *state, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	bool sent;
	size_t len;
	int s;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return false;
	len = strlen(path);
	if (len >= sizeof(sun.sun_path))
		return false;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0'; /* abstract */
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sent = s != -1 && send_to(s, &sun, len, state, fd) == 0;
	if (!sent)
		log_warn("notify", "%s: %s", path, state);
	if (s != -1)
		close(s);
	return sent;
}

bool
notify(const char *state)
{
	return tell(state, -1);
}

bool
notify_store(const char *name, int fd)
{
	char state[128];

	snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", name);
	return tell(state, fd);
}

void
notify_remove(const char *name)
{
	char state[128];

	snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	(void)tell(state, -1);
}

/* The number in a variable; -1: there is none. */
static long
number(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	long v;

	if (text == NULL)
		return -1;
	errno = 0;
	v = strtol(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' ? -1 : v;
}

/* How many descriptors are for this process, from FIRST_FD on. The variables
 * may be somebody else's whose environment we inherited. */
static int
count_given(void)
{
	long n = number("LISTEN_FDS");

	if (n <= 0 || number("LISTEN_PID") != getpid())
		return 0;
	if (n <= FDS_MAX)
		return (int)n;
	log_warnx("notify", "LISTEN_FDS: %ld descriptors? At most %d are taken",
	    n, FDS_MAX);
	return FDS_MAX;
}

static void
refuse(int fd, const char *its, const char *wanted)
{
	log_warnx("notify",
	    "the service manager gave descriptor %d, '%s', which nobody here "
	    "wants: closed",
	    fd, its);
	close(fd);
	if (strcmp(its, wanted) != 0) /* or the first would go as well */
		notify_remove(its);
}

int
notify_take(const char *name)
{
	const char *given = getenv("LISTEN_FDNAMES");
	char *names = strdup(given != NULL ? given : ""), *rest = names;
	int n = count_given(), found = -1;

	for (int fd = FIRST_FD; fd < FIRST_FD + n; fd++) {
		const char *its = rest != NULL ? strsep(&rest, ":") : NULL;

		if (its == NULL)
			its = "";
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			log_warn("notify", "descriptor %d, '%s'", fd, its);
		else if (found == -1 && strcmp(its, name) == 0)
			found = fd;
		else
			refuse(fd, its, name);
	}
	free(names);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("LISTEN_PID");
	return found;
}
