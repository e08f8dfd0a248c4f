/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/probe/tunnel.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probe/probe_impl.h"
#include "agent/probe/tunnel_device.h"
#include "balancer/core/encap.h"
#include "balancer/core/l3.h"
#include "common/log.h"
#include "common/mono.h"

#define HEADROOM         ENCAP_IPV6_LEN
#define PACKETS_PER_TURN 64
#define BUCKETS          4096
#define LINGER_US        1000000

struct tunnel_flow {
	LIST_ENTRY(tunnel_flow) in_bucket;
	TAILQ_ENTRY(tunnel_flow) in_closed;
	struct tunnel_flow_key key;
	struct backend_fwd fwd;
	struct mono closed;
};

struct tunnel {
	struct event_base *base;
	int raw[2]; /* IPv4, IPv6; -1: none, for this reason: */
	int error[2];
	struct tunnel_device *device;
	struct event *readable;
	LIST_HEAD(, tunnel_flow) buckets[BUCKETS];
	TAILQ_HEAD(, tunnel_flow) closed; /* the first first */
};

/* IPPROTO_RAW: they only send, and the IP header is ours. */
struct tunnel *
tunnel_new(struct event_base *base)
{
	struct tunnel *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->base = base;
	TAILQ_INIT(&t->closed);
	for (size_t i = 0; i < 2; i++) {
		t->raw[i] = socket(i == 0 ? AF_INET : AF_INET6,
		    SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
		t->error[i] = errno;
	}
	if ((t->device = tunnel_device_new()) != NULL)
		return t;
	tunnel_free(t);
	return NULL;
}

void
tunnel_down(struct tunnel *t)
{
	if (t->readable != NULL)
		event_free(t->readable);
	t->readable = NULL;
	tunnel_device_down(t->device);
}

static void
flow_free(struct tunnel *t, struct tunnel_flow *flow)
{
	if (flow->closed.us != 0)
		TAILQ_REMOVE(&t->closed, flow, in_closed);
	LIST_REMOVE(flow, in_bucket);
	free(flow);
}

void
tunnel_free(struct tunnel *t)
{
	if (t == NULL)
		return;
	if (t->device != NULL)
		tunnel_down(t);
	tunnel_device_free(t->device);
	for (size_t i = 0; i < BUCKETS; i++)
		while (!LIST_EMPTY(&t->buckets[i]))
			flow_free(t, LIST_FIRST(&t->buckets[i]));
	for (size_t i = 0; i < 2; i++)
		if (t->raw[i] != -1)
			close(t->raw[i]);
	free(t);
}

/* The port alone tells most flows apart. */
static size_t
bucket_of(const struct tunnel_flow_key *key)
{
	return key->port % BUCKETS;
}

static struct tunnel_flow *
find(struct tunnel *t, const struct tunnel_flow_key *key)
{
	struct tunnel_flow *f;

	LIST_FOREACH(f, &t->buckets[bucket_of(key)], in_bucket)
	if (f->key.port == key->port && f->key.protocol == key->protocol &&
	    addr_cmp(&f->key.vip, &key->vip) == 0 &&
	    addr_cmp(&f->key.own, &key->own) == 0)
		return f;
	return NULL;
}

static void
load_words(uint32_t to[4], const struct addr *from)
{
	for (size_t i = 0; i < 4; i++)
		to[i] = load32(from->bytes + 4 * i);
}

/* As fib.c does it for the balancer's packets, which know the route's source
 * from their next hop. */
static int
fill_fwd(struct backend_fwd *b, const struct addr *backend,
    const struct forwarding_source *source)
{
	bool is6 = !addr_is4(backend);
	struct addr from = source->addr;
	uint32_t host = (is6 ? 128u : 32u) - source->prefix_len;

	memset(b, 0, sizeof(*b));
	if (addr_is_none(&from)) {
		host = 0;
		if (probe_source(backend, &from) == -1)
			return -1;
	}
	b->flags = is6 ? BACKEND_IPV6 : 0;
	b->overhead = is6 ? ENCAP_IPV6_LEN : ENCAP_IPV4_LEN;
	b->entropy_mask = host >= 32 ? UINT32_MAX : BE32((1u << host) - 1);
	load_words(b->source, &from);
	load_words(b->destination, backend);
	b->source[3] &= ~b->entropy_mask;
	b->checksum = encap_constant_sum(b->destination[3]);
	return 0;
}

/* packet: with HEADROOM bytes before it. A packet that the kernel does not take
 * is lost, as on any link; who sent it hears nothing and asks again. */
static int
send_wrapped(struct tunnel *t, const struct backend_fwd *b, uint16_t port,
    uint8_t *packet, size_t len)
{
	/* Fibonacci hashing: neighbouring ports go far from each other. */
	uint64_t hash = (uint64_t)port * 0x9e3779b97f4a7c15u;
	bool is6 = packet[0] >> 4 == 6, outer6 = (b->flags & BACKEND_IPV6) != 0;
	struct sockaddr_in to4 = {
	    .sin_family = AF_INET, .sin_addr.s_addr = b->destination[3]};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	uint8_t *outer = packet - b->overhead;
	uint8_t traffic_class = is6 ? (uint8_t)(l3_get16(packet) >> 4)
				    : packet[1];

	if (t->raw[outer6] == -1) {
		errno = t->error[outer6];
		return -1;
	}
	memcpy(&to6.sin6_addr, b->destination, sizeof(to6.sin6_addr));
	encap_outer(outer, b, hash, traffic_class, is6, (uint32_t)len);
	return sendto(t->raw[outer6], outer, len + b->overhead, 0,
		   outer6 ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4,
		   outer6 ? sizeof(to6) : sizeof(to4)) == -1
	    ? -1
	    : 0;
}

int
tunnel_send(struct tunnel *t, const struct addr *backend,
    const struct forwarding_source *source, const uint8_t *packet, size_t len)
{
	uint8_t room[HEADROOM + TUNNEL_MTU];
	struct backend_fwd fwd;

	GW_ASSERT(len <= TUNNEL_MTU);
	if (fill_fwd(&fwd, backend, source) == -1)
		return -1;
	memcpy(room + HEADROOM, packet, len);
	return send_wrapped(t, &fwd, 0, room + HEADROOM, len);
}

/* From a packet of ours: the sockets set no options, and the packets are
 * smaller than the MTU. false: none (such as what the kernel tells neighbours).
 */
static bool
read_key(const uint8_t *packet, size_t len, struct tunnel_flow_key *key)
{
	struct l3 l3;

	if (!l3_read(&l3, packet, len) || l3_is_fragment(&l3) ||
	    (l3.protocol != IPPROTO_TCP && l3.protocol != IPPROTO_UDP) ||
	    l3.l4 + 4 > l3.total)
		return false;
	key->protocol = l3.protocol;
	key->port = l3_get16(packet + l3.l4);
	if (l3.version == 4)
		return addr_from_bytes(&key->own, packet + 12, 4) == 0 &&
		    addr_from_bytes(&key->vip, packet + 16, 4) == 0;
	return addr_from_bytes(&key->own, packet + 8, 16) == 0 &&
	    addr_from_bytes(&key->vip, packet + 24, 16) == 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct tunnel *t = ctx;
	uint8_t room[HEADROOM + TUNNEL_MTU];
	struct tunnel_flow_key key;
	struct tunnel_flow *flow;
	ssize_t n;

	(void)what;
	for (int i = 0; i < PACKETS_PER_TURN; i++) {
		if ((n = read(fd, room + HEADROOM, TUNNEL_MTU)) == -1) {
			if (errno != EAGAIN && errno != EINTR) {
				log_warn("probe", "%s", TUNNEL_DEVICE);
				tunnel_down(t);
			}
			return;
		}
		if (read_key(room + HEADROOM, (size_t)n, &key) &&
		    (flow = find(t, &key)) != NULL)
			(void)send_wrapped(t, &flow->fwd, key.port,
			    room + HEADROOM, (size_t)n);
	}
}

int
tunnel_up(struct tunnel *t, struct errmsg *why)
{
	if (tunnel_device_is_up(t->device))
		return 0;
	if (t->raw[0] == -1 && t->raw[1] == -1)
		return errmsg_set(why,
		    "the tunnel needs CAP_NET_RAW at the start: %s",
		    strerror(t->error[0]));
	if (tunnel_device_up(t->device, why) == -1)
		return -1;
	t->readable = event_new(t->base, tunnel_device_fd(t->device),
	    EV_READ | EV_PERSIST, on_readable, t);
	if (t->readable != NULL && event_add(t->readable, NULL) == 0)
		return 0;
	tunnel_down(t);
	return errmsg_set(why, "%s: out of memory", TUNNEL_DEVICE);
}

int
tunnel_mark(int fd)
{
	const uint32_t mark = TUNNEL_MARK;

	return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

static void
drop_closed(struct tunnel *t, struct mono now)
{
	struct tunnel_flow *f;

	while ((f = TAILQ_FIRST(&t->closed)) != NULL &&
	    now.us - f->closed.us > LINGER_US)
		flow_free(t, f);
}

/* The kernel has given the port out again: the former user has closed it. */
struct tunnel_flow *
tunnel_open(struct tunnel *t, const struct tunnel_flow_key *key,
    const struct addr *backend, const struct forwarding_source *source)
{
	struct tunnel_flow *flow = find(t, key);

	if (flow != NULL) {
		GW_ASSERT(flow->closed.us != 0);
		flow_free(t, flow);
	}
	drop_closed(t, mono_now());
	if ((flow = calloc(1, sizeof(*flow))) == NULL)
		return NULL;
	flow->key = *key;
	if (fill_fwd(&flow->fwd, backend, source) == -1) {
		free(flow);
		return NULL;
	}
	LIST_INSERT_HEAD(&t->buckets[bucket_of(key)], flow, in_bucket);
	return flow;
}

void
tunnel_close(struct tunnel *t, struct tunnel_flow *flow)
{
	flow->closed = mono_now();
	TAILQ_INSERT_TAIL(&t->closed, flow, in_closed);
	drop_closed(t, flow->closed);
}
