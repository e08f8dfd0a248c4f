/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

static int
check_file(int fd, const char *path, struct errmsg *why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return errmsg_sys(why, "%s", path);
	if (!S_ISREG(st.st_mode))
		return errmsg_set(why, "%s: not a regular file", path);
	if ((st.st_mode & 07) != 0)
		return errmsg_set(why,
		    "%s: everybody may read or write this secret; chmod 600 it",
		    path);
	if (st.st_size > SECRET_FILE_MAX)
		return errmsg_set(why, "%s: %jd bytes; at most %u are read",
		    path, (intmax_t)st.st_size, SECRET_FILE_MAX);
	return 0;
}

/* How many bytes there are, as far as `room`; -1 with errno. */
static ssize_t
read_up_to(int fd, char *text, size_t room)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n != 0 && len < room) {
		n = read(fd, text + len, room - len);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			len += (size_t)n;
	}
	return (ssize_t)len;
}

char *
secret_file_read(const char *path, size_t *len, struct errmsg *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	ssize_t n;

	if (fd == -1) {
		errmsg_sys(why, "%s", path);
		return NULL;
	}
	if (check_file(fd, path, why) == -1)
		goto out;
	if ((text = calloc(1, SECRET_FILE_MAX + 1)) == NULL) {
		errmsg_set(why, "%s: out of memory", path);
		goto out;
	}
	if ((n = read_up_to(fd, text, SECRET_FILE_MAX)) == -1) {
		errmsg_sys(why, "%s", path);
		secret_file_forget(text, SECRET_FILE_MAX);
		text = NULL;
		goto out;
	}
	*len = (size_t)n;
out:
	close(fd);
	return text;
}

void
secret_file_forget(char *text, size_t len)
{
	if (text == NULL)
		return;
	OPENSSL_cleanse(text, len);
	free(text);
}

static int
write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, text, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd);
}

/* The name is on the disk once its directory is. */
static int
confirm_directory(const char *path, struct errmsg *why)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd, rc;

	snprintf(dir, sizeof(dir), "%.*s",
	    slash == NULL ? 1 : (int)(slash - path) + 1,
	    slash == NULL ? "." : path);
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return errmsg_sys(why, "%s", dir);
	if ((rc = fsync(fd)) == -1)
		errmsg_sys(why, "%s: fsync", dir);
	close(fd);
	return rc;
}

/* link() is what never replaces, whoever else is at it. */
static int
put_in_place(const char *from, const char *path, bool force, struct errmsg *why)
{
	int rc = force ? rename(from, path) : link(from, path);

	if (rc == -1 && errno == EEXIST)
		errmsg_set(why, "%s is there already; it is kept", path);
	else if (rc == -1)
		errmsg_sys(why, "%s", path);
	if (rc == -1 || !force)
		unlink(from);
	return rc == 0 ? confirm_directory(path, why) : -1;
}

int
secret_file_write(const char *path, const char *text, size_t len, bool force,
    struct errmsg *why)
{
	char part[PATH_MAX];
	int fd;

	if (strlen(path) + sizeof(".XXXXXX") > sizeof(part)) {
		errno = ENAMETOOLONG;
		return errmsg_sys(why, "%s", path);
	}
	snprintf(part, sizeof(part), "%s.XXXXXX", path);
	if ((fd = mkostemp(part, O_CLOEXEC)) == -1) /* mode 0600 */
		return errmsg_sys(why, "%s", part);
	if (write_all(fd, text, len) == -1) {
		errmsg_sys(why, "%s", part);
		close(fd);
		unlink(part);
		return -1;
	}
	close(fd);
	return put_in_place(part, path, force, why);
}
