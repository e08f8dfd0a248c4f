/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files as anybody may hand them over. What comes out must lie within
 * its record, and go through the writer. */
#include "config.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "balancer/io/pcapfile.h"

#define BATCH 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcapfile_record records[BATCH];
	struct pcapfile_reader *r;
	struct pcapfile_writer *w;
	struct errmsg why;
	int fd = memfd_create("fuzz", MFD_CLOEXEC), n;

	if (fd == -1 || write(fd, data, size) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET) == -1)
		abort();
	if ((r = pcapfile_reader_new(fd, "fuzz", &why)) == NULL)
		return 0;
	w = pcapfile_writer_new(
	    open("/dev/null", O_WRONLY), "null", pcapfile_nanoseconds(r));
	if (w == NULL)
		abort();
	while ((n = pcapfile_read(r, records, BATCH, &why)) > 0) {
		for (int i = 0; i < n; i++) {
			if (records[i].wire_len < records[i].len)
				abort();
			memcpy(pcapfile_reserve(w, records[i].len),
			    records[i].data, records[i].len);
			pcapfile_commit(w, records[i].len, &records[i].time);
		}
	}
	pcapfile_reader_free(r);
	if (pcapfile_writer_close(w, &why) == -1)
		abort();
	return 0;
}
