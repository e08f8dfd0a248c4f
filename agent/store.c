/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the state.
 *
 * A save leaves these behind when it is cut off after a step, A being the state
 * and P the one before it, B the new one:
 *
 *                                      agent.state  .prev  leftovers
 *     write B to .new, fsync           A            P      .new
 *     link agent.state to .prev.new    A            P      .new .prev.new
 *     rename .prev.new to .prev        A            A      .new
 *     rename .new to agent.state       B            A
 *     fsync the directory              B            A
 *
 * So agent.state is whole at any time after the first save: a directory without
 * it is that of a first start, or something happened to it. A power cut may
 * undo steps that no fsync has confirmed, in any order: each name then stands
 * for one of the files of its column, and these are all whole. Leftovers are
 * ignored by a load and removed by the next save. */
#include "config.h"

#include "agent/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CURRENT     "agent.state"
#define CURRENT_NEW "agent.state.new"
#define FORMER      "agent.state.prev"
#define FORMER_NEW  "agent.state.prev.new"
#define CORRUPT     "agent.state.corrupt-"

#define CORRUPT_NAME_LEN (sizeof(CORRUPT) + 10)

/* An open directory. */
struct place {
	const char *dir;
	int fd;
};

static int
fail_at(const struct place *p, const char *name, const char *doing,
    struct errmsg *why)
{
	return errmsg_sys(why, "%s/%s: %s", p->dir, name, doing);
}

/* How many bytes there are, as far as `room`; -1 with errno. */
static ssize_t
read_up_to(int fd, uint8_t *data, size_t room)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n != 0 && len < room) {
		n = read(fd, data + len, room - len);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			len += (size_t)n;
	}
	return (ssize_t)len;
}

/* All of a file, or its first STORE_FILE_MAX + 1 bytes; NULL with errno. */
static uint8_t *
read_all(int fd, size_t *len)
{
	size_t room = STORE_FILE_MAX + 1;
	struct stat st;
	uint8_t *data;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	if (st.st_size < STORE_FILE_MAX)
		room = (size_t)st.st_size + 1;
	if ((data = malloc(room)) == NULL)
		return NULL;
	if ((n = read_up_to(fd, data, room)) == -1) {
		free(data);
		return NULL;
	}
	*len = (size_t)n;
	return data;
}

/* All but STORE_FILE_GOOD fill `why`. */
static enum store_file
examine(const struct place *p, const char *name, struct store_state *state,
    struct errmsg *why)
{
	/* Neither led elsewhere by a link nor held up by a pipe. */
	int fd = openat(
	    p->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct errmsg cause;
	enum store_file file;
	uint8_t *data;
	size_t len;

	if (fd == -1) {
		file = errno == ENOENT ? STORE_FILE_ABSENT : STORE_FILE_OPAQUE;
		errmsg_sys(why, "%s/%s", p->dir, name);
		return file;
	}
	data = read_all(fd, &len);
	if (data == NULL) {
		file = STORE_FILE_OPAQUE;
		errmsg_sys(why, "%s/%s", p->dir, name);
	} else {
		file = store_decode(data, len, state, &cause);
		if (file != STORE_FILE_GOOD)
			errmsg_set(why, "%s/%s: %s", p->dir, name, cause.text);
	}
	free(data);
	close(fd);
	return file;
}

/* What cannot be looked at is taken to be there. */
static bool
exists(const struct place *p, const char *name)
{
	struct stat st;

	return fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno != ENOENT;
}

static void
corrupt_name(char name[CORRUPT_NAME_LEN], int n)
{
	snprintf(name, CORRUPT_NAME_LEN, CORRUPT "%d", n);
}

/* Renames a damaged file and says so in `why`, behind the damage. The first
 * free name is taken, or the last one. Where that fails, the file is found
 * damaged again next time. */
static void
set_aside(const struct place *p, const char *name, struct errmsg *why)
{
	struct errmsg damage = *why;
	char kept[CORRUPT_NAME_LEN];

	for (int n = 1; n <= STORE_CORRUPT_MAX; n++) {
		corrupt_name(kept, n);
		if (!exists(p, kept))
			break;
	}
	if (renameat(p->fd, name, p->fd, kept) == 0)
		errmsg_set(why, "%s; it is kept as %s", damage.text, kept);
	else
		errmsg_sys(why, "%s; rename it to %s", damage.text, kept);
}

static bool
has_damaged(const struct place *p)
{
	char name[CORRUPT_NAME_LEN];

	for (int n = 1; n <= STORE_CORRUPT_MAX; n++) {
		corrupt_name(name, n);
		if (exists(p, name))
			return true;
	}
	return false;
}

/* The current file could not be taken, for the cause given. */
static enum store_result
load_former(const struct place *p, struct store_state *state,
    const struct errmsg *cause, struct errmsg *why)
{
	struct errmsg also;

	switch (examine(p, FORMER, state, &also)) {
	case STORE_FILE_GOOD:
		errmsg_set(why, "%s; the state before it is taken instead",
		    cause->text);
		return STORE_FORMER;
	case STORE_FILE_DAMAGED:
		set_aside(p, FORMER, &also);
		break;
	case STORE_FILE_ABSENT:
	case STORE_FILE_OPAQUE:
		break;
	}
	errmsg_set(why, "%s; and %s", cause->text, also.text);
	return STORE_LOST;
}

static enum store_result
load(const struct place *p, struct store_state *state, struct errmsg *why)
{
	struct errmsg cause;

	switch (examine(p, CURRENT, state, &cause)) {
	case STORE_FILE_GOOD:
		return STORE_LOADED;
	case STORE_FILE_OPAQUE:
		/* It may well be whole: an older one is no substitute. */
		errmsg_set(why, "%s", cause.text);
		return STORE_LOST;
	case STORE_FILE_DAMAGED:
		set_aside(p, CURRENT, &cause);
		break;
	case STORE_FILE_ABSENT:
		if (exists(p, FORMER))
			break;
		if (!has_damaged(p))
			return STORE_NONE;
		errmsg_set(why,
		    "%s: of the state only damaged files are left (" CORRUPT
		    "N); remove them to start anew",
		    p->dir);
		return STORE_LOST;
	}
	return load_former(p, state, &cause, why);
}

enum store_result
store_load(const char *dir, struct store_state *state, struct errmsg *why)
{
	struct place p = {dir, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	enum store_result result;

	*state = (struct store_state){0};
	if (p.fd == -1) {
		if (errno == ENOENT)
			return STORE_NONE;
		errmsg_sys(why, "%s", dir);
		return STORE_LOST;
	}
	result = load(&p, state, why);
	close(p.fd);
	return result;
}

static int
remove_stale(const struct place *p, const char *name, struct errmsg *why)
{
	if (unlinkat(p->fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	return fail_at(p, name, "remove what an earlier save left", why);
}

static int
write_all(int fd, const uint8_t *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, data, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* On failure the file may be there. After a failed fsync the kernel may have
 * dropped the data and count it as written: another fsync says nothing. */
static int
write_new(
    const struct place *p, const uint8_t *data, size_t len, struct errmsg *why)
{
	int fd, rc;

	if (remove_stale(p, CURRENT_NEW, why) == -1)
		return -1;
	fd = openat(
	    p->fd, CURRENT_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return fail_at(p, CURRENT_NEW, "create", why);
	rc = write_all(fd, data, len);
	if (rc == -1)
		fail_at(p, CURRENT_NEW, "write", why);
	else if ((rc = fsync(fd)) == -1)
		fail_at(p, CURRENT_NEW, "fsync", why);
	close(fd);
	return rc;
}

/* agent.state is .prev from now on, too. */
static int
keep_former(const struct place *p, struct errmsg *why)
{
	if (remove_stale(p, FORMER_NEW, why) == -1)
		return -1;
	if (linkat(p->fd, CURRENT, p->fd, FORMER_NEW, 0) == -1)
		return fail_at(p, FORMER_NEW, "link " CURRENT " to it", why);
	if (renameat(p->fd, FORMER_NEW, p->fd, FORMER) == -1) {
		fail_at(p, FORMER, "rename " FORMER_NEW " to it", why);
		unlinkat(p->fd, FORMER_NEW, 0);
		return -1;
	}
	/* rename() does nothing when both names are of one file, as they are
	 * after a save that was cut off right here. */
	return remove_stale(p, FORMER_NEW, why);
}

/* A directory that is new may vanish in a power cut, with all that is in it. */
static int
confirm_directory(const struct place *p, struct errmsg *why)
{
	int fd = openat(p->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd == -1)
		return fail_at(p, "..", "open", why);
	if ((rc = fsync(fd)) == -1)
		fail_at(p, "..", "fsync", why);
	close(fd);
	return rc;
}

/* The new file becomes agent.state, or what is there stays. */
static int
switch_files(const struct place *p, bool has_former, struct errmsg *why)
{
	if (renameat(p->fd, CURRENT_NEW, p->fd, CURRENT) == -1)
		return fail_at(p, CURRENT, "rename " CURRENT_NEW " to it", why);
	if (fsync(p->fd) == 0)
		return 0;
	errmsg_sys(why, "%s: fsync", p->dir);
	/* What the disk has is unknown; but a load without a power cut between
	 * must not find what the caller is told has failed. */
	if (has_former)
		renameat(p->fd, FORMER, p->fd, CURRENT);
	else
		unlinkat(p->fd, CURRENT, 0);
	return -1;
}

static int
replace(const struct place *p, const uint8_t *data, size_t len, bool has_former,
    struct errmsg *why)
{
	int rc = write_new(p, data, len, why);

	if (rc == 0 && has_former)
		rc = keep_former(p, why);
	if (rc == 0)
		rc = switch_files(p, has_former, why);
	if (rc == -1)
		unlinkat(p->fd, CURRENT_NEW, 0);
	return rc;
}

/* Only a file that is whole becomes the one to fall back to. */
static int
save(const struct place *p, const uint8_t *data, size_t len, struct errmsg *why)
{
	struct store_state former;
	struct errmsg cause;

	switch (examine(p, CURRENT, &former, &cause)) {
	case STORE_FILE_GOOD:
		store_state_clear(&former);
		return replace(p, data, len, true, why);
	case STORE_FILE_DAMAGED:
		set_aside(p, CURRENT, &cause);
		break;
	case STORE_FILE_ABSENT:
		if (confirm_directory(p, why) == -1)
			return -1;
		break;
	case STORE_FILE_OPAQUE:
		return errmsg_set(why, "%s; it is not replaced", cause.text);
	}
	return replace(p, data, len, false, why);
}

static int
open_place(struct place *p, const char *dir, struct errmsg *why)
{
	if (mkdir(dir, 0750) == -1 && errno != EEXIST)
		return errmsg_sys(
		    why, "%s: create it for the user who runs this", dir);
	p->dir = dir;
	p->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->fd != -1 ? 0 : errmsg_sys(why, "%s", dir);
}

int
store_save(const char *dir, const struct store_state *state, struct errmsg *why)
{
	size_t len;
	uint8_t *data = store_encode(state, &len);
	struct place p;
	int rc = -1;

	if (data == NULL)
		errmsg_set(why, "%s: no memory for the state", dir);
	else if (len > STORE_FILE_MAX)
		errmsg_set(why,
		    "%s: a state of %zu bytes is over the limit of %u: shorten "
		    "what is configured",
		    dir, len, STORE_FILE_MAX);
	else if (open_place(&p, dir, why) == 0) {
		rc = save(&p, data, len, why);
		close(p.fd);
	}
	free(data);
	return rc;
}
