/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of checks share. Only agent/probe/ includes this.
 *
 * A probe has at most one socket and waits for one thing at a time on it. Its
 * timer is there from the start: it ends the probe, with the result that was
 * settled (then at once) or with "no answer". So nothing is ever told from
 * inside prober_start. */
#ifndef AGENT_PROBE_PROBE_IMPL_H
#define AGENT_PROBE_PROBE_IMPL_H

#include <event2/event.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "agent/probe/http_reply.h"
#include "agent/probe/probe.h"

struct icmp;
struct probe;
struct tunnel;
struct tunnel_flow;

#define PROBE_WHY_MAX  128
#define PROBE_HTTP_MAX 1024 /* of a request */
#define PROBE_READ_MAX 8192 /* bytes of an answer */
#define PROBE_BUCKETS  4096
#define PROBE_DATAGRAM 512 /* what is read of an answer over UDP */
#define PROBE_DNS_MAX  300

/* One kind of check. */
struct probe_ops {
	/* Begins; may settle. */
	void (*start)(struct probe *);
	/* What was waited for (probe_wait) is there; may settle. */
	void (*ready)(struct probe *);
	/* Lets go of what is the kind's own; NULL: nothing is. */
	void (*clear)(struct probe *);
};

struct probe_http {
	SSL *ssl; /* NULL: not HTTPS */
	struct http_reply reply;
	char request[PROBE_HTTP_MAX];
	size_t len, sent, read;
	enum {
		HTTP_CONNECT,
		HTTP_HANDSHAKE,
		HTTP_SEND,
		HTTP_READ
	} phase;
};

struct probe_dns {
	uint8_t query[PROBE_DNS_MAX];
	size_t len;
};

struct probe {
	LIST_ENTRY(probe) by_id;
	struct prober *prober;
	const struct probe_ops *ops;
	uint64_t id;
	struct health_check check;
	struct probe_target target; /* its pointers are not used */
	struct addr dest;           /* the backend, or the VIP */
	int fd;                     /* -1: none */
	struct event *io;           /* NULL: no socket yet */
	struct event *timer;
	struct tunnel_flow *flow; /* NULL: not through the tunnel */
	const char *awaited;      /* "answer", "connection" */
	bool settled;
	enum probe_result result;
	char why[PROBE_WHY_MAX];
	union {
		struct probe_http http;
		struct probe_dns dns;
	};
};

struct prober {
	struct event_base *base;
	probe_result_cb cb;
	void *ctx;
	struct icmp *icmp;
	struct tunnel *tunnel;
	SSL_CTX *tls; /* NULL: not needed yet */
	LIST_HEAD(probe_bucket, probe) buckets[PROBE_BUCKETS];
};

extern const struct probe_ops probe_tcp, probe_http, probe_udp, probe_dns,
    probe_icmp;

/* The result is known, and is told when the loop runs next; what comes
 * afterwards does not count. */
void probe_settle(struct probe *, enum probe_result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for an error of a system call: is it the backend's, or our own? */
void probe_settle_errno(struct probe *, int error);

/* Opens the socket and connects it to the check's port of p->dest, through the
 * tunnel where the check asks for that. type: SOCK_STREAM or SOCK_DGRAM. A
 * stream may not be connected yet: wait for EV_WRITE, then probe_connected. 0,
 * or -1: settled. */
int probe_connect(struct probe *, int type);
int probe_connected(struct probe *);

/* ops->ready is called once when the socket is readable (EV_READ) or writable
 * (EV_WRITE). `awaited` is a literal for "no ... in 1000 ms". */
void probe_wait(struct probe *, short what, const char *awaited);

socklen_t probe_sockaddr(
    struct sockaddr_storage *, const struct addr *, uint16_t port);

/* The address of ours that the kernel would send from to `to`, by the routes
 * alone. 0, or -1 with errno. */
int probe_source(const struct addr *to, struct addr *from);
/* Through the tunnel: what the inner packet comes from. 0, or -1: settled. */
int probe_inner_source(struct probe *, struct addr *from);

struct probe *probe_find(struct prober *, uint64_t id); /* NULL: none */

/* http.c's and tls.c's: like recv and send, or -1 with EAGAIN and *what what to
 * wait for, or -1 and settled, *what 0. tls_start returns -1 when settled. */
int tls_start(struct probe *);
ssize_t tls_handshake(struct probe *, short *what); /* 1: done */
ssize_t tls_read(struct probe *, void *data, size_t len, short *what);
ssize_t tls_write(struct probe *, const void *data, size_t len, short *what);
void tls_end(struct probe *);

/* Never NULL but without memory: a family without a socket knows why. */
struct icmp *icmp_new(struct prober *);
void icmp_free(struct icmp *);

#endif
