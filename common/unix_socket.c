/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

#define BACKLOG 64
/* A process that was killed listens until the kernel has closed all it had: for
 * the balancer and its packet sockets some 200 ms. */
#define DYING_MS 2000
#define LOOK_MS  100

static int
fill(struct sockaddr_un *sun, const char *path, struct errmsg *why)
{
	size_t len = strlen(path);

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (len == 0 || len >= sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return errmsg_set(why,
		    "%s: a socket's path must have 1..%zu bytes; set a shorter "
		    "run_dir",
		    path, sizeof(sun->sun_path) - 1);
	}
	memcpy(sun->sun_path, path, len + 1);
	return 0;
}

int
unix_connect(const char *path, struct errmsg *why)
{
	struct sockaddr_un sun;
	int fd, saved;

	if (fill(&sun, path, why) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return errmsg_sys(why, "%s: socket", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	saved = errno;
	errmsg_sys(why, "%s", path);
	close(fd);
	errno = saved;
	return -1;
}

/* 1: somebody listens there; 0: nobody does; -1 with errno: cannot tell. */
static int
listens(const char *path)
{
	int fd = unix_connect(path, NULL);

	if (fd != -1) {
		close(fd);
		return 1;
	}
	if (errno == EAGAIN)
		return 1; /* and many wait to be heard */
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -1;
}

/* The same, once those that are dying are gone. */
static int
still_listens(const char *path)
{
	const struct timespec look = {0, LOOK_MS * 1000000};
	int r;

	for (int ms = 0; (r = listens(path)) == 1 && ms < DYING_MS;
	     ms += LOOK_MS)
		nanosleep(&look, NULL);
	return r;
}

/* Removes what a process that is gone left behind. */
static int
clear_stale(const char *path, struct errmsg *why)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : errmsg_sys(why, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return errmsg_set(
		    why, "%s: in the way and not a socket; remove it", path);
	switch (still_listens(path)) {
	case 1:
		return errmsg_set(why,
		    "%s: another process listens there; stop it first", path);
	case -1:
		return errmsg_sys(why, "%s", path);
	}
	if (unlink(path) == -1 && errno != ENOENT)
		return errmsg_sys(why, "%s: remove the stale socket", path);
	return 0;
}

static int
make_parent(const char *path, struct errmsg *why)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *dir;

	memcpy(copy, path, strlen(path) + 1);
	dir = dirname(copy);
	if (mkdir(dir, 0755) == -1 && errno != EEXIST)
		return errmsg_sys(
		    why, "%s: create it for the user who runs this", dir);
	return 0;
}

/* Not being in the group is no fault: then only the owner may talk to us. */
static void
hand_to_group(const char *path)
{
	const struct group *group = getgrnam(UNIX_SOCKET_GROUP);

	if (group != NULL && chown(path, (uid_t)-1, group->gr_gid) == -1)
		log_debug("socket", "%s: group %s: %s", path, UNIX_SOCKET_GROUP,
		    strerror(errno));
}

void
unix_give(const char *path, const char *user)
{
	const struct passwd *pw;

	if (user == NULL || geteuid() != 0)
		return;
	/* That there is no such user is said when it is to be become. */
	if ((pw = getpwnam(user)) != NULL &&
	    chown(path, pw->pw_uid, (gid_t)-1) == -1)
		log_warn("socket", "%s: user %s", path, user);
}

int
unix_listen(const char *path, struct errmsg *why)
{
	struct sockaddr_un sun;
	mode_t mask;
	int fd, bound;

	if (fill(&sun, path, why) == -1 || make_parent(path, why) == -1 ||
	    clear_stale(path, why) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return errmsg_sys(why, "%s: socket", path);
	/* From the first moment on nobody else may connect. */
	mask = umask(0117);
	bound = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (bound == -1) {
		errmsg_sys(why, "%s: bind", path);
		close(fd);
		return -1;
	}
	hand_to_group(path);
	if (listen(fd, BACKLOG) == -1) {
		errmsg_sys(why, "%s: listen", path);
		unlink(path);
		close(fd);
		return -1;
	}
	return fd;
}

uid_t
unix_peer_uid(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0
	    ? peer.uid
	    : (uid_t)-1;
}

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(UNIX_FDS_MAX * sizeof(int))];
};

int
unix_send(int fd, const void *data, size_t len, const int *fds, size_t n_fds)
{
	union control control = {.room = ""};
	struct iovec bytes = {(void *)data, len};
	struct msghdr m = {.msg_iov = &bytes,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};
	ssize_t sent;

	GW_ASSERT(n_fds > 0 && n_fds <= UNIX_FDS_MAX);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	if ((sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT)) == -1)
		return -1;
	if ((size_t)sent == len)
		return 0;
	errno = EMSGSIZE;
	return -1;
}

/* The descriptors of a message; those that fds has no room for are closed. */
static void
take_fds(struct msghdr *m, int fds[UNIX_FDS_MAX], size_t *n_fds)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (*n_fds < UNIX_FDS_MAX)
				fds[(*n_fds)++] = fd;
			else
				close(fd);
		}
	}
}

ssize_t
unix_receive(
    int fd, void *data, size_t len, int fds[UNIX_FDS_MAX], size_t *n_fds)
{
	union control control;
	struct iovec bytes = {data, len};
	struct msghdr m = {.msg_iov = &bytes,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	ssize_t got;

	*n_fds = 0;
	if ((got = recvmsg(fd, &m, MSG_CMSG_CLOEXEC)) == -1)
		return -1;
	take_fds(&m, fds, n_fds);
	if ((m.msg_flags & MSG_CTRUNC) == 0)
		return got;
	while (*n_fds > 0)
		close(fds[--*n_fds]);
	errno = EMSGSIZE;
	return -1;
}
