/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/flow_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

/* -1: none. What is too long or too short was another version's. */
static int
open_file(const char *path, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    ((size_t)st.st_size == len ||
		(ftruncate(fd, 0) == 0 && ftruncate(fd, (off_t)len) == 0)))
		return fd;
	close(fd);
	return -1;
}

int
flow_memory_map(struct flow_memory *m, const char *run_dir, struct errmsg *why)
{
	const uint32_t entries = flows_round(FLOWS_DEFAULT);
	char path[4096];
	int fd;

	*m = (struct flow_memory){.len = flows_size(entries)};
	snprintf(path, sizeof(path), "%s/flows", run_dir);
	if ((fd = open_file(path, m->len)) == -1)
		log_warn("flows",
		    "%s: a restart forgets which connections stay where", path);
	m->memory = mmap(NULL, m->len, PROT_READ | PROT_WRITE,
	    fd == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	if (fd != -1)
		close(fd);
	if (m->memory == MAP_FAILED) {
		m->memory = NULL;
		return errmsg_sys(why, "%s: memory for flow entries", path);
	}
	flows_lay(&m->flows, m->memory, entries);
	return 0;
}

void
flow_memory_unmap(struct flow_memory *m)
{
	if (m->memory != NULL)
		munmap(m->memory, m->len);
	m->memory = NULL;
}
