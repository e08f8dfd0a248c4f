/* SPDX-License-Identifier: Apache-2.0 */
/* The pcap driver: libpcap in, raw packets out. Works on any kernel and any
 * Ethernet interface.
 *
 * The kernel gathers frames in blocks of shared memory and wakes us when one is
 * full or a millisecond old: ten times cheaper than a wake-up for every few
 * packets, for a millisecond of delay when there is little traffic. */
#include "config.h"

#include <event2/event.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/io/driver.h"
#include "balancer/io/tx.h"
#include "balancer/io/vipfilter.h"
#include "common/mono.h"

/* Half a second of small packets at what this driver can forward. */
#define RING_LEN   (16 << 20)
#define TIMEOUT_MS 1
/* For one turn of the event loop. Without a limit libpcap goes on for as long
 * as blocks keep coming. */
#define DISPATCH_MAX 256
/* Copies of frames that wait for their batch to be full. The ring's block goes
 * back to the kernel when its last frame has been handed over, so they cannot
 * stay there. */
#define COPIES_LEN (512u << 10)

struct driver_handle {
	const struct driver_env *env;
	struct driver_link link;
	pcap_t *pcap;
	struct event *readable;
	struct driver_count count;
	uint32_t last_drops; /* pcap's counter is 32 bits wide */
	size_t n, used;
	struct frame frames[FORWARD_BATCH];
	uint8_t copies[COPIES_LEN];
};

static void
forward(struct driver_handle *h)
{
	enum reason reasons[FORWARD_BATCH];

	if (h->n > 0)
		forward_batch(h->env->forwarder, h->frames, h->n, mono_now().us,
		    tx_sink(h->env->tx), reasons);
	h->n = 0;
	h->used = 0;
}

static void
take(u_char *ctx, const struct pcap_pkthdr *header, const u_char *data)
{
	struct driver_handle *h = (struct driver_handle *)ctx;
	uint32_t len = header->caplen < FORWARD_FRAME_MAX ? header->caplen
							  : FORWARD_FRAME_MAX;
	struct frame *f;

	if (h->n == FORWARD_BATCH || COPIES_LEN - h->used < len)
		forward(h);
	f = &h->frames[h->n++];
	f->data = memcpy(h->copies + h->used, data, len);
	f->len = len;
	f->wire_len = header->len < len ? len : header->len;
	f->ifindex = h->link.ifindex;
	f->mtu = h->link.mtu;
	h->used += (len + 63) & ~(size_t)63;
	if (h->used > COPIES_LEN)
		h->used = COPIES_LEN;
	h->count.received++;
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct driver_handle *h = ctx;
	char why[PCAP_ERRBUF_SIZE];
	int n = pcap_dispatch(h->pcap, DISPATCH_MAX, take, (u_char *)h);

	forward(h);
	tx_flush(h->env->tx);
	if (n >= 0)
		return;
	strncpy(why, pcap_geterr(h->pcap), sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	h->link.failed(h->link.ctx, why); /* h is gone */
}

static void
handle_close(struct driver_handle *h)
{
	if (h == NULL)
		return;
	if (h->readable != NULL)
		event_free(h->readable);
	if (h->pcap != NULL)
		pcap_close(h->pcap);
	free(h);
}

static int
set_state(
    struct driver_handle *h, const struct forwarding *state, struct errmsg *why)
{
	if (vipfilter_attach(pcap_fileno(h->pcap), state) == 0)
		return 0;
	return errmsg_sys(why, "%s: filter for the VIPs", h->link.name);
}

/* pcap's own words are better than its status where it has some. */
static int
activate(struct driver_handle *h, struct errmsg *why)
{
	int status = pcap_activate(h->pcap);
	const char *words = pcap_geterr(h->pcap);

	if (status < 0)
		return errmsg_set(why, "%s: capture: %s", h->link.name,
		    words[0] != '\0' ? words : pcap_statustostr(status));
	if (pcap_datalink(h->pcap) != DLT_EN10MB)
		return errmsg_set(
		    why, "%s: is not an Ethernet interface", h->link.name);
	return 0;
}

static int
open_pcap(struct driver_handle *h, struct errmsg *why)
{
	char err[PCAP_ERRBUF_SIZE];

	if ((h->pcap = pcap_create(h->link.name, err)) == NULL)
		return errmsg_set(why, "%s: capture: %s", h->link.name, err);
	/* None of these fails before activation. */
	(void)pcap_set_snaplen(h->pcap, FORWARD_FRAME_MAX);
	(void)pcap_set_promisc(h->pcap, 0);
	(void)pcap_set_timeout(h->pcap, TIMEOUT_MS);
	(void)pcap_set_buffer_size(h->pcap, RING_LEN);
	if (activate(h, why) == -1)
		return -1;
	if (pcap_setnonblock(h->pcap, 1, err) == -1)
		return errmsg_set(why, "%s: capture: %s", h->link.name, err);
	if (pcap_setdirection(h->pcap, PCAP_D_IN) == -1)
		return errmsg_set(
		    why, "%s: capture: %s", h->link.name, pcap_geterr(h->pcap));
	return 0;
}

static struct driver_handle *
handle_open(const struct driver_env *env, const struct driver_link *link,
    const struct forwarding *state, struct errmsg *why)
{
	struct driver_handle *h = malloc(sizeof(*h));

	if (h == NULL) {
		errmsg_sys(why, "%s", link->name);
		return NULL;
	}
	memset(h, 0, offsetof(struct driver_handle, copies));
	h->env = env;
	h->link = *link;
	if (open_pcap(h, why) == -1 || set_state(h, state, why) == -1)
		goto fail;
	h->readable = event_new(env->base, pcap_get_selectable_fd(h->pcap),
	    EV_READ | EV_PERSIST, on_readable, h);
	if (h->readable == NULL || event_add(h->readable, NULL) == -1) {
		errmsg_set(why, "%s: cannot add an event", link->name);
		goto fail;
	}
	return h;
fail:
	handle_close(h);
	return NULL;
}

static void
set_mtu(struct driver_handle *h, uint32_t mtu)
{
	h->link.mtu = mtu;
}

static void
count(struct driver_handle *h, struct driver_count *out)
{
	struct pcap_stat stat;

	if (pcap_stats(h->pcap, &stat) == 0) {
		h->count.dropped += (uint32_t)(stat.ps_drop - h->last_drops);
		h->last_drops = stat.ps_drop;
	}
	*out = h->count;
}

const struct driver driver_pcap = {
    .name = "pcap",
    .merit = "works on any Ethernet interface",
    .open = handle_open,
    .close = handle_close,
    .set_state = set_state,
    .set_mtu = set_mtu,
    .count = count,
};
