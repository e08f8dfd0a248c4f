/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_pin.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "balancer/io/xdp_object.h"
#include "common/log.h"

#define BPFFS "/sys/fs/bpf"

static const char *const map_names[XDP_PINNED] = {
    [XDP_MAP_CONTROL] = "control",
    [XDP_MAP_TABLES] = "tables",
    [XDP_MAP_SLOTS] = "slots",
    [XDP_MAP_COUNTS] = "counts",
    [XDP_MAP_PORTS] = "ports",
    [XDP_MAP_FLOWS] = "flows",
    [XDP_MAP_MARKS] = "marks",
    [XDP_MAP_TWIN] = "twin",
};

/* The folder ------------------------------------------------------------ */

static bool
on_bpffs(const char *dir)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

/* Where the kernel has a place for a bpffs it belongs there; elsewhere the
 * folder becomes one. */
static int
mount_bpffs(const char *dir, struct errmsg *why)
{
	const char *at = strncmp(dir, BPFFS "/", sizeof(BPFFS)) == 0 ? BPFFS
								     : dir;

	if (at == dir && mkdir(dir, 0755) == -1 && errno != EEXIST)
		return errmsg_sys(why, "%s", dir);
	if (on_bpffs(at) ||
	    mount("bpf", at, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		"mode=0755") == 0)
		return 0;
	return errmsg_sys(why, "%s: mounting a bpffs", at);
}

/* Whoever owns the folder may have put a link to anywhere into it, which root
 * does not follow. NULL with errno. */
static DIR *
open_folder(int at, const char *name)
{
	int fd = openat(
	    at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL && fd != -1)
		close(fd);
	return d;
}

static void
give(DIR *d, const char *name, const struct passwd *pw)
{
	if (fchownat(dirfd(d), name, pw->pw_uid, pw->pw_gid,
		AT_SYMLINK_NOFOLLOW) == -1)
		log_warn("xdp", "%s: giving it to %s", name, pw->pw_name);
}

static void
give_maps(DIR *parent, const char *name, const struct passwd *pw)
{
	DIR *d = open_folder(dirfd(parent), name);
	const struct dirent *e;

	give(parent, name, pw);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.')
			give(d, e->d_name, pw);
	}
	if (d != NULL)
		closedir(d);
}

/* What a balancer that ran as another user has left. */
static void
give_all(const char *dir, const struct passwd *pw)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "link-", 5) == 0)
			give(d, e->d_name, pw);
		else if (strncmp(e->d_name, "maps-", 5) == 0)
			give_maps(d, e->d_name, pw);
	}
	if (d != NULL)
		closedir(d);
}

int
xdp_pin_open(const char *dir, const char *user, struct errmsg *why)
{
	const struct passwd *pw = user == NULL ? NULL : getpwnam(user);
	int fd;

	if (!on_bpffs(dir)) {
		if (mount_bpffs(dir, why) == -1)
			return -1;
		if (mkdir(dir, 0700) == -1 && errno != EEXIST)
			return errmsg_sys(why, "%s", dir);
	}
	if (pw != NULL && geteuid() == 0) {
		if (chown(dir, pw->pw_uid, pw->pw_gid) == -1)
			return errmsg_sys(
			    why, "%s: giving it to %s", dir, user);
		give_all(dir, pw);
	}
	if ((fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		return errmsg_sys(why, "%s", dir);
	return fd;
}

/* Maps ------------------------------------------------------------------ */

uint32_t
xdp_pin_program_id(int program)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &len) == 0 ? info.id : 0;
}

static void
remove_maps(const char *dir, const char *name)
{
	const struct dirent *e;
	char path[PATH_MAX];
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	/* Another release may have had others. */
	d = open_folder(AT_FDCWD, path);
	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	if (rmdir(path) == -1)
		(void)unlink(path); /* a link */
}

int
xdp_pin_maps(const char *dir, const struct xdp_object *o, struct errmsg *why)
{
	char name[32], path[PATH_MAX];

	snprintf(name, sizeof(name), "maps-%" PRIu32,
	    xdp_pin_program_id(o->program));
	remove_maps(dir, name); /* of a program long gone */
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0700) == -1)
		return errmsg_sys(why, "%s", path);
	for (int i = 0; i < XDP_PINNED; i++) {
		snprintf(
		    path, sizeof(path), "%s/%s/%s", dir, name, map_names[i]);
		if (bpf_obj_pin(o->maps[i], path) == 0)
			continue;
		errmsg_sys(why, "%s", path);
		remove_maps(dir, name);
		return -1;
	}
	return 0;
}

static void
close_maps(int fds[XDP_MAPS])
{
	for (int i = 0; i < XDP_MAPS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static int
open_maps(const char *dir, uint32_t id, int fds[XDP_MAPS], struct errmsg *why)
{
	char path[PATH_MAX];
	int r = 0;

	for (int i = 0; i < XDP_MAPS; i++) {
		snprintf(path, sizeof(path), "%s/maps-%" PRIu32 "/%s", dir, id,
		    map_names[i]);
		fds[i] = bpf_obj_get(path);
		if (fds[i] < 0 && r == 0)
			r = errmsg_sys(why, "%s", path);
	}
	if (r == -1)
		close_maps(fds);
	return r;
}

/* Whatever is in the map now begins with what its layout was. */
static int
read_room(int control, struct xdp_room *room, struct errmsg *why)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), key = 0;
	struct xdp_control c;

	if (bpf_obj_get_info_by_fd(control, &info, &len) != 0)
		return errmsg_sys(why, "pinned map");
	if (info.value_size != sizeof(c) ||
	    bpf_map_lookup_elem(control, &key, &c) != 0 ||
	    c.layout != XDP_LAYOUT)
		return errmsg_set(why, "pinned by another release");
	*room = c.room;
	return 0;
}

struct xdp_object *
xdp_pin_take(const char *dir, uint32_t id, struct errmsg *why)
{
	struct xdp_object *o = NULL;
	struct xdp_room room;
	int fds[XDP_MAPS];

	if (open_maps(dir, id, fds, why) == -1)
		return NULL;
	if (read_room(fds[XDP_MAP_CONTROL], &room, why) == 0)
		o = xdp_object_new(&room, fds, why);
	close_maps(fds);
	return o;
}

void
xdp_pin_clean(const char *dir, uint32_t but)
{
	char keep[32];
	struct dirent *e;
	DIR *d = opendir(dir);

	snprintf(keep, sizeof(keep), "maps-%" PRIu32, but);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "maps-", 5) == 0 &&
		    strcmp(e->d_name, keep) != 0)
			remove_maps(dir, e->d_name);
	}
	if (d != NULL)
		closedir(d);
}
