/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/tx.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
/* 64 frames of full size, or some that GRO made. */
#define ARENA_LEN (512u << 10)
/* Frames on their way in the driver's queue are charged to the socket. */
#define SEND_BUFFER_LEN (8 << 20)

struct tx {
	struct sink sink; /* first: the sink is the tx */
	int fd;
	unsigned n;
	size_t used;
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_ll to[BATCH];
	struct tx_count *counts;
	size_t n_counts;
	struct tx_count other; /* where there is no memory for one more */
	uint8_t arena[ARENA_LEN];
};

static struct tx_count *
count_of(struct tx *tx, uint32_t ifindex)
{
	struct tx_count *grown;

	for (size_t i = 0; i < tx->n_counts; i++) {
		if (tx->counts[i].ifindex == ifindex)
			return &tx->counts[i];
	}
	grown = reallocarray(tx->counts, tx->n_counts + 1, sizeof(*grown));
	if (grown == NULL)
		return &tx->other;
	tx->counts = grown;
	grown += tx->n_counts++;
	*grown = (struct tx_count){.ifindex = ifindex};
	return grown;
}

static uint8_t *
reserve(struct sink *sink, size_t len)
{
	struct tx *tx = (struct tx *)sink;

	if (tx->n == BATCH || ARENA_LEN - tx->used < len)
		tx_flush(tx);
	return tx->arena + tx->used;
}

static void
commit(struct sink *sink, size_t len, uint32_t ifindex, size_t input)
{
	struct tx *tx = (struct tx *)sink;

	tx->iov[tx->n].iov_base = tx->arena + tx->used;
	tx->iov[tx->n].iov_len = len;
	tx->to[tx->n].sll_ifindex = (int)ifindex;
	tx->n++;
	/* Aligned for the headers that the core writes. */
	tx->used += (len + 63) & ~(size_t)63;
	if (tx->used > ARENA_LEN)
		tx->used = ARENA_LEN;
}

static void
prepare(struct tx *tx)
{
	tx->sink = (struct sink){reserve, commit};
	for (int i = 0; i < BATCH; i++) {
		tx->to[i].sll_family = AF_PACKET;
		tx->messages[i].msg_hdr.msg_name = &tx->to[i];
		tx->messages[i].msg_hdr.msg_namelen = sizeof(tx->to[i]);
		tx->messages[i].msg_hdr.msg_iov = &tx->iov[i];
		tx->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

struct tx *
tx_new(struct errmsg *why)
{
	struct tx *tx = calloc(1, sizeof(*tx));
	int one = 1, len = SEND_BUFFER_LEN;

	if (tx == NULL) {
		errmsg_sys(why, "raw socket");
		return NULL;
	}
	prepare(tx);
	/* Protocol 0: it receives nothing. */
	tx->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (tx->fd == -1) {
		errmsg_sys(why, "raw socket (needs CAP_NET_RAW)");
		goto fail;
	}
	if (setsockopt(tx->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one,
		sizeof(one)) == -1) {
		errmsg_sys(why, "raw socket: bypass of the queue");
		goto fail;
	}
	if (setsockopt(tx->fd, SOL_SOCKET, SO_SNDBUFFORCE, &len, sizeof(len)) ==
	    -1)
		(void)setsockopt(
		    tx->fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof(len));
	return tx;
fail:
	tx_free(tx);
	return NULL;
}

void
tx_free(struct tx *tx)
{
	if (tx == NULL)
		return;
	if (tx->fd != -1)
		close(tx->fd);
	free(tx->counts);
	free(tx);
}

struct sink *
tx_sink(struct tx *tx)
{
	return &tx->sink;
}

void
tx_flush(struct tx *tx)
{
	unsigned done = 0;
	int n;

	while (done < tx->n) {
		n = sendmmsg(
		    tx->fd, tx->messages + done, tx->n - done, MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* The first of them cannot be sent; the next may, it
			 * may even go elsewhere. */
			count_of(tx, (uint32_t)tx->to[done++].sll_ifindex)
			    ->errors++;
			continue;
		}
		for (unsigned end = done + (unsigned)n; done < end; done++)
			count_of(tx, (uint32_t)tx->to[done].sll_ifindex)
			    ->sent++;
	}
	tx->n = 0;
	tx->used = 0;
}

const struct tx_count *
tx_counts(const struct tx *tx, size_t *n)
{
	*n = tx->n_counts;
	return tx->counts;
}
