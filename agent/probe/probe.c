/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/probe/probe.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/probe/probe_impl.h"
#include "agent/probe/tunnel.h"
#include "common/log.h"

static const struct probe_ops *const kinds[] = {
    [CHECK_TCP] = &probe_tcp,
    [CHECK_HTTP] = &probe_http,
    [CHECK_HTTPS] = &probe_http,
    [CHECK_UDP] = &probe_udp,
    [CHECK_DNS] = &probe_dns,
    [CHECK_ICMP] = &probe_icmp,
};

/* Ids are given out in order: these bits spread them well enough. */
static struct probe_bucket *
bucket_of(struct prober *pr, uint64_t id)
{
	return &pr->buckets[id % PROBE_BUCKETS];
}

struct probe *
probe_find(struct prober *pr, uint64_t id)
{
	struct probe *p;

	LIST_FOREACH(p, bucket_of(pr, id), by_id)
	if (p->id == id)
		return p;
	return NULL;
}

/* The socket is closed after its event is gone, and the flow after the socket:
 * the reset that closing sends still has to find its way. */
static void
probe_free(struct probe *p)
{
	if (p->ops->clear != NULL)
		p->ops->clear(p);
	if (p->io != NULL)
		event_free(p->io);
	if (p->fd != -1)
		close(p->fd);
	if (p->flow != NULL)
		tunnel_close(p->prober->tunnel, p->flow);
	if (p->timer != NULL)
		event_free(p->timer);
	LIST_REMOVE(p, by_id);
	free(p);
}

/* Frees the probe first: what is told may lead to anything but the end of the
 * prober. */
static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct probe *p = ctx;
	struct prober *pr = p->prober;
	enum probe_result result;
	char why[PROBE_WHY_MAX];
	uint64_t id = p->id;

	(void)fd;
	(void)what;
	if (!p->settled)
		probe_settle(p, PROBE_FAILED, "no %s in %u ms", p->awaited,
		    p->check.timeout_ms);
	result = p->result;
	memcpy(why, p->why, sizeof(why));
	probe_free(p);
	pr->cb(pr->ctx, id, result, why);
}

static void
on_io(evutil_socket_t fd, short what, void *ctx)
{
	struct probe *p = ctx;

	(void)fd;
	(void)what;
	if (!p->settled)
		p->ops->ready(p);
}

/* By activating the timer and not by a timeout of zero: that would wait for the
 * next turn of the loop, and its heap. */
void
probe_settle(struct probe *p, enum probe_result result, const char *fmt, ...)
{
	va_list ap;

	if (p->settled)
		return;
	p->settled = true;
	p->result = result;
	va_start(ap, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, ap);
	va_end(ap);
	if (p->io != NULL)
		event_del(p->io);
	event_active(p->timer, EV_TIMEOUT, 0);
}

/* What the network, or the host at the other end, has answered. All others are
 * between us and our kernel: out of descriptors, ports or memory, no address of
 * that IP version, a filter of our own. */
static const struct {
	int error;
	const char *text;
} answers[] = {
    {ECONNREFUSED, "connection refused"},
    {ECONNRESET, "connection reset"},
    {EPIPE, "connection reset"},
    {EHOSTUNREACH, "no route to host"},
    {EHOSTDOWN, "host is down"},
    {ENETUNREACH, "network is unreachable"},
    {ENETDOWN, "network is down"},
    {ETIMEDOUT, "connection timed out"},
    {EPROTO, "protocol error"},
    {ENOPROTOOPT, "protocol not available"},
    {EMSGSIZE, "message too long for the path"},
    {EOPNOTSUPP, "operation not supported"},
    {ENONET, "host is isolated"},
};

void
probe_settle_errno(struct probe *p, int error)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].error == error) {
			probe_settle(p, PROBE_FAILED, "%s", answers[i].text);
			return;
		}
	probe_settle(p, PROBE_UNABLE, "on this node: %s", strerror(error));
}

int
prober_start(struct prober *pr, uint64_t id, const struct probe_target *target)
{
	const struct health_check *check = target->check;
	const struct timeval timeout = {.tv_sec = check->timeout_ms / 1000,
	    .tv_usec = (suseconds_t)(check->timeout_ms % 1000) * 1000};
	struct probe *p;

	GW_ASSERT(check->kind > CHECK_NONE && check->kind <= CHECK_ICMP);
	GW_ASSERT(!check->tunnel || target->vip != NULL);
	GW_ASSERT(probe_find(pr, id) == NULL);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return -1;
	p->prober = pr;
	p->ops = kinds[check->kind];
	p->id = id;
	p->check = *check;
	p->target = *target;
	p->dest = check->tunnel ? *target->vip : target->backend;
	p->fd = -1;
	p->awaited = "answer";
	LIST_INSERT_HEAD(bucket_of(pr, id), p, by_id);
	if ((p->timer = evtimer_new(pr->base, on_timer, p)) == NULL ||
	    evtimer_add(p->timer, &timeout) == -1) {
		probe_free(p);
		return -1;
	}
	p->ops->start(p);
	return 0;
}

void
prober_cancel(struct prober *pr, uint64_t id)
{
	struct probe *p = probe_find(pr, id);

	if (p != NULL)
		probe_free(p);
}

void
probe_wait(struct probe *p, short what, const char *awaited)
{
	p->awaited = awaited;
	if (p->settled)
		return;
	if (p->io == NULL)
		p->io = event_new(p->prober->base, p->fd, what, on_io, p);
	else if (event_get_events(p->io) != what)
		(void)event_assign(
		    p->io, p->prober->base, p->fd, what, on_io, p);
	if (p->io == NULL || event_add(p->io, NULL) == -1)
		probe_settle_errno(p, ENOMEM);
}

/* Each probe is a descriptor, and the soft limit is made for programs that use
 * select(2). */
static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		log_warn("probe", "the limit of open files stays");
}

struct prober *
prober_new(
    struct event_base *base, probe_result_cb cb, void *ctx, struct errmsg *why)
{
	struct prober *pr = calloc(1, sizeof(*pr));

	if (pr == NULL) {
		errmsg_set(why, "health checks: out of memory");
		return NULL;
	}
	pr->base = base;
	pr->cb = cb;
	pr->ctx = ctx;
	raise_file_limit();
	if ((pr->icmp = icmp_new(pr)) != NULL &&
	    (pr->tunnel = tunnel_new(base)) != NULL)
		return pr;
	errmsg_set(why, "health checks: out of memory, or of files");
	prober_free(pr);
	return NULL;
}

void
prober_free(struct prober *pr)
{
	if (pr == NULL)
		return;
	for (size_t i = 0; i < PROBE_BUCKETS; i++)
		while (!LIST_EMPTY(&pr->buckets[i]))
			probe_free(LIST_FIRST(&pr->buckets[i]));
	icmp_free(pr->icmp);
	tunnel_free(pr->tunnel);
	SSL_CTX_free(pr->tls);
	free(pr);
}
