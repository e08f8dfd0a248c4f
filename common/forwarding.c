/* SPDX-License-Identifier: Apache-2.0 */
/* Life and rules of a forwarding state. Everything that unpacks, computes or
 * installs one relies on forwarding_check, so a rule stands here only. What
 * must be unique is found by sorting, never by pairs: a hostile state of the
 * greatest size costs O(n log n). */
#include "config.h"

#include "common/forwarding.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct forwarding *
forwarding_new(void)
{
	return calloc(1, sizeof(struct forwarding));
}

void
forwarding_free(struct forwarding *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; f->services != NULL && i < f->n_services; i++) {
		free(f->services[i].endpoints);
		free(f->services[i].members);
	}
	free(f->services);
	free(f->backends);
	free(f);
}

static void *
copy_array(const void *from, size_t n, size_t size)
{
	void *to = calloc(n + 1, size);

	if (to != NULL && n > 0)
		memcpy(to, from, n * size);
	return to;
}

static int
copy_service(
    struct forwarding_service *to, const struct forwarding_service *from)
{
	*to = *from;
	to->endpoints = copy_array(
	    from->endpoints, from->n_endpoints, sizeof(*to->endpoints));
	to->members = copy_array(
	    from->members, from->n_members, sizeof(*to->members));
	return to->endpoints != NULL && to->members != NULL ? 0 : -1;
}

struct forwarding *
forwarding_copy(const struct forwarding *from)
{
	struct forwarding *to = malloc(sizeof(*to));

	if (to == NULL)
		return NULL;
	*to = *from;
	to->n_services = 0;
	to->backends = copy_array(
	    from->backends, from->n_backends, sizeof(*to->backends));
	to->services = calloc(from->n_services + 1, sizeof(*to->services));
	if (to->backends == NULL || to->services == NULL)
		goto fail;
	for (size_t i = 0; i < from->n_services; i++) {
		to->n_services++;
		if (copy_service(&to->services[i], &from->services[i]) == -1)
			goto fail;
	}
	return to;
fail:
	forwarding_free(to);
	return NULL;
}

bool
forwarding_name_valid(const char *name, size_t len)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";

	if (len == 0 || len >= FORWARDING_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (memchr(allowed, name[i], sizeof(allowed) - 1) == NULL)
			return false;
	return true;
}

/* Are the bits of `a` after the first prefix_len of its own length zero? */
static bool
host_bits_zero(const struct addr *a, unsigned prefix_len)
{
	size_t len;
	const uint8_t *bytes = addr_bytes(a, &len);

	for (size_t bit = prefix_len; bit < len * 8; bit++)
		if ((bytes[bit / 8] & (0x80 >> bit % 8)) != 0)
			return false;
	return true;
}

/* Of the same IP version, and equal in the bits of the prefix. */
bool
forwarding_source_covers(
    const struct forwarding_source *s, const struct addr *a)
{
	size_t prefix_len, len, source_len, whole;
	const uint8_t *bytes = addr_bytes(a, &len);
	const uint8_t *source = addr_bytes(&s->addr, &source_len);

	if (addr_is_none(&s->addr) || len != source_len)
		return false;
	prefix_len = s->prefix_len;
	whole = prefix_len / 8;
	return memcmp(bytes, source, whole) == 0 &&
	    (prefix_len % 8 == 0 ||
		(bytes[whole] ^ source[whole]) >> (8 - prefix_len % 8) == 0);
}

int
forwarding_check_source(
    const struct forwarding_source *s, bool want4, struct errmsg *why)
{
	const char *family = want4 ? "IPv4" : "IPv6";
	unsigned max = want4 ? 32 : 128;

	if (addr_is_none(&s->addr)) {
		if (s->prefix_len == 0)
			return 0;
		return errmsg_set(why,
		    "%s encapsulation source: a prefix "
		    "length without an address",
		    family);
	}
	if (addr_is4(&s->addr) != want4 || !addr_is_unicast(&s->addr))
		return errmsg_set(why,
		    "%s encapsulation source: not a unicast "
		    "%s address",
		    family, family);
	if (s->prefix_len < FORWARDING_SOURCE_LEN_MIN || s->prefix_len > max)
		return errmsg_set(why,
		    "%s encapsulation source: prefix length "
		    "must be %u..%u, got %u",
		    family, FORWARDING_SOURCE_LEN_MIN, max, s->prefix_len);
	if (!host_bits_zero(&s->addr, s->prefix_len))
		return errmsg_set(why,
		    "%s encapsulation source: bits are set "
		    "after the first %u; give the prefix itself, or one "
		    "address",
		    family, s->prefix_len);
	return 0;
}

static int
cmp_addrs(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

/* Checks the backends and gives a sorted copy of them, which the caller frees:
 * NULL with `why`. */
static struct addr *
check_backends(const struct forwarding *f, struct errmsg *why)
{
	char text[ADDR_TEXT_MAX];
	struct addr *sorted;

	if (f->n_backends > FORWARDING_MAX_BACKENDS) {
		errmsg_set(why, "%zu backends; at most %d are possible",
		    f->n_backends, FORWARDING_MAX_BACKENDS);
		return NULL;
	}
	if ((sorted = calloc(f->n_backends + 1, sizeof(*sorted))) == NULL) {
		errmsg_set(
		    why, "out of memory for %zu backends", f->n_backends);
		return NULL;
	}
	for (size_t i = 0; i < f->n_backends; i++) {
		sorted[i] = f->backends[i];
		if (addr_is_unicast(&sorted[i]))
			continue;
		errmsg_set(why, "backend %zu: %s is not a unicast address", i,
		    addr_format(&sorted[i], text));
		goto fail;
	}
	qsort(sorted, f->n_backends, sizeof(*sorted), cmp_addrs);
	for (size_t i = 1; i < f->n_backends; i++) {
		if (addr_cmp(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		errmsg_set(why, "backend %s is listed twice",
		    addr_format(&sorted[i], text));
		goto fail;
	}
	return sorted;
fail:
	free(sorted);
	return NULL;
}

static int
check_endpoint(const struct forwarding_service *s,
    const struct forwarding_endpoint *e, struct errmsg *why)
{
	char text[ADDR_TEXT_MAX];

	if (!addr_is_unicast(&e->vip))
		return errmsg_set(why,
		    "service %s: VIP %s is not a unicast "
		    "address",
		    s->name, addr_format(&e->vip, text));
	if (e->protocol != IPPROTO_TCP && e->protocol != IPPROTO_UDP)
		return errmsg_set(why,
		    "service %s: protocol must be %d (TCP) "
		    "or %d (UDP), got %d",
		    s->name, IPPROTO_TCP, IPPROTO_UDP, e->protocol);
	return 0;
}

/* seen: one byte for each backend. */
static int
check_members(const struct forwarding_service *s, size_t n_backends,
    uint8_t *seen, struct errmsg *why)
{
	if (s->n_members > s->table_size)
		return errmsg_set(why,
		    "service %s: %zu members in a table of "
		    "%u slots",
		    s->name, s->n_members, s->table_size);
	memset(seen, 0, n_backends);
	for (size_t i = 0; i < s->n_members; i++) {
		const struct forwarding_member *m = &s->members[i];

		if (m->backend >= n_backends)
			return errmsg_set(why,
			    "service %s: member %zu: "
			    "backend %u of %zu",
			    s->name, i, m->backend, n_backends);
		if (seen[m->backend]++ != 0)
			return errmsg_set(why,
			    "service %s: member %zu: "
			    "backend %u is a member already",
			    s->name, i, m->backend);
		if (m->weight == 0)
			return errmsg_set(why,
			    "service %s: member %zu: weight "
			    "must be 1..65535, got 0",
			    s->name, i);
		if (m->phi > FORWARDING_PHI_FULL)
			return errmsg_set(why,
			    "service %s: member %zu: phi "
			    "must be 0..%d, got %u",
			    s->name, i, FORWARDING_PHI_FULL, m->phi);
		if (m->down && m->phi != 0)
			return errmsg_set(why,
			    "service %s: member %zu is down "
			    "with phi %u; it must be 0",
			    s->name, i, m->phi);
	}
	return 0;
}

static int
check_time(const struct forwarding_service *s, const char *what,
    uint32_t seconds, uint32_t least, struct errmsg *why)
{
	if (seconds >= least && seconds <= FORWARDING_TIME_MAX)
		return 0;
	return errmsg_set(why, "service %s: %s must be %u..%u seconds, got %u",
	    s->name, what, least, FORWARDING_TIME_MAX, seconds);
}

/* What is never written needs no time to be forgotten in. */
static int
check_times(const struct forwarding_service *s, struct errmsg *why)
{
	uint32_t least = s->settle_s > 0;

	if (check_time(s, "settle_time", s->settle_s, 0, why) == -1 ||
	    check_time(s, "udp_learn", s->udp_learn_s, 0, why) == -1 ||
	    check_time(s, "tcp_idle", s->tcp_idle_s, least, why) == -1)
		return -1;
	return check_time(s, "udp_idle", s->udp_idle_s, least, why);
}

static int
check_service(const struct forwarding_service *s, struct errmsg *why)
{
	if (!forwarding_name_valid(s->name, strnlen(s->name, sizeof(s->name))))
		return errmsg_set(why,
		    "a service name must be 1..%d letters, "
		    "digits, '.', '_' or '-'",
		    FORWARDING_NAME_MAX - 1);
	if (s->table_size < FORWARDING_TABLE_MIN ||
	    s->table_size > FORWARDING_TABLE_MAX ||
	    (s->table_size & (s->table_size - 1)) != 0)
		return errmsg_set(why,
		    "service %s: table size must be a power "
		    "of two, %u..%u, got %u",
		    s->name, FORWARDING_TABLE_MIN, FORWARDING_TABLE_MAX,
		    s->table_size);
	for (size_t i = 0; i < s->n_endpoints; i++)
		if (check_endpoint(s, &s->endpoints[i], why) == -1)
			return -1;
	return check_times(s, why);
}

static int
cmp_names(const void *a, const void *b)
{
	const struct forwarding_service *const *s = a, *const *t = b;

	return strcmp((*s)->name, (*t)->name);
}

static int
check_names(const struct forwarding *f, struct errmsg *why)
{
	const struct forwarding_service **sorted;
	int rc = 0;

	if ((sorted = calloc(f->n_services + 1, sizeof(*sorted))) == NULL)
		return errmsg_set(
		    why, "out of memory for %zu services", f->n_services);
	for (size_t i = 0; i < f->n_services; i++)
		sorted[i] = &f->services[i];
	qsort(sorted, f->n_services, sizeof(*sorted), cmp_names);
	for (size_t i = 1; i < f->n_services && rc == 0; i++)
		if (cmp_names(&sorted[i - 1], &sorted[i]) == 0)
			rc = errmsg_set(
			    why, "service %s is there twice", sorted[i]->name);
	free(sorted);
	return rc;
}

int
forwarding_endpoint_cmp(
    const struct forwarding_endpoint *a, const struct forwarding_endpoint *b)
{
	int cmp = addr_cmp(&a->vip, &b->vip);

	if (cmp == 0)
		cmp = a->protocol - b->protocol;
	return cmp != 0 ? cmp : a->port - b->port;
}

static int
cmp_endpoints(const void *a, const void *b)
{
	return forwarding_endpoint_cmp(a, b);
}

static int
check_endpoints_unique(const struct forwarding_endpoint *sorted, size_t n,
    const struct addr *backends, size_t n_backends, struct errmsg *why)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct forwarding_endpoint *e = &sorted[i];

		if (i > 0 && cmp_endpoints(&sorted[i - 1], e) == 0)
			return errmsg_set(why,
			    "VIP %s, protocol %u, port %u "
			    "is there twice",
			    addr_format(&e->vip, text), e->protocol, e->port);
		if (bsearch(&e->vip, backends, n_backends, sizeof(*backends),
			cmp_addrs) != NULL)
			return errmsg_set(why, "%s is a VIP and a backend",
			    addr_format(&e->vip, text));
	}
	return 0;
}

/* Over all services; backends: sorted. */
static int
check_endpoints(
    const struct forwarding *f, const struct addr *backends, struct errmsg *why)
{
	struct forwarding_endpoint *sorted;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < f->n_services; i++) {
		n += f->services[i].n_endpoints;
		if (n > FORWARDING_MAX_ENDPOINTS)
			return errmsg_set(why,
			    "more than %d endpoints (VIP, "
			    "protocol and port)",
			    FORWARDING_MAX_ENDPOINTS);
	}
	if ((sorted = calloc(n + 1, sizeof(*sorted))) == NULL)
		return errmsg_set(why, "out of memory for %zu endpoints", n);
	n = 0;
	for (size_t i = 0; i < f->n_services; i++)
		for (size_t j = 0; j < f->services[i].n_endpoints; j++)
			sorted[n++] = f->services[i].endpoints[j];
	qsort(sorted, n, sizeof(*sorted), cmp_endpoints);
	rc = check_endpoints_unique(sorted, n, backends, f->n_backends, why);
	free(sorted);
	return rc;
}

static int
check_services(const struct forwarding *f, struct errmsg *why)
{
	uint8_t *seen;
	int rc = 0;

	if (f->n_services > FORWARDING_MAX_SERVICES)
		return errmsg_set(why, "%zu services; at most %d are possible",
		    f->n_services, FORWARDING_MAX_SERVICES);
	if ((seen = malloc(f->n_backends + 1)) == NULL)
		return errmsg_set(
		    why, "out of memory for %zu backends", f->n_backends);
	for (size_t i = 0; i < f->n_services && rc == 0; i++) {
		rc = check_service(&f->services[i], why);
		if (rc == 0)
			rc = check_members(
			    &f->services[i], f->n_backends, seen, why);
	}
	free(seen);
	return rc;
}

int
forwarding_check(const struct forwarding *f, struct errmsg *why)
{
	struct addr *backends;
	int rc = -1;

	if (forwarding_check_source(&f->source4, true, why) == -1 ||
	    forwarding_check_source(&f->source6, false, why) == -1)
		return -1;
	if ((backends = check_backends(f, why)) == NULL)
		return -1;
	if (check_services(f, why) == 0 && check_names(f, why) == 0 &&
	    check_endpoints(f, backends, why) == 0)
		rc = 0;
	free(backends);
	return rc;
}
