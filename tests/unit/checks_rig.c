/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/checks_rig.h"

#include <string.h>

#include "tests/unit/unit.h"

struct checks *checks;
struct mono now;
struct health_check web, dns, via_vip;

static void
fill_check(struct health_check *c, enum check_kind kind, uint16_t port)
{
	*c = (struct health_check){.kind = kind,
	    .port = port,
	    .interval_ms = INTERVAL,
	    .timeout_ms = TIMEOUT,
	    .rise = 2,
	    .fall = 3,
	    .path = "/"};
}

void
setup(void)
{
	now = (struct mono){1000000000};
	checks = checks_new(42);
	ck_assert_ptr_nonnull(checks);
	fill_check(&web, CHECK_HTTP, 80);
	fill_check(&dns, CHECK_DNS, 53);
	fill_check(&via_vip, CHECK_TCP, 443);
	via_vip.tunnel = true;
}

void
teardown(void)
{
	checks_free(checks);
	checks = NULL;
}

/* 10.x.y.z */
struct addr
backend(uint32_t n)
{
	struct addr a;
	const uint8_t bytes[4] = {
	    10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	ck_assert_int_eq(addr_from_bytes(&a, bytes, 4), 0);
	return a;
}

struct checks_target
target(const char *service, uint32_t n, const struct health_check *check)
{
	return (struct checks_target){
	    .service = service, .backend = backend(n), .check = check};
}

void
walk(void)
{
	const struct probe_set *s = checks->set;

	for (size_t i = 0; i < s->n; i++) {
		const struct probe *p = &s->probes[i];
		size_t pos = p->heap_pos;

		ck_assert_uint_eq(s->heap[pos], i);
		ck_assert_uint_eq(s->slots[p->slot], i);
		if (p->memory.id != 0)
			ck_assert_uint_eq((uint32_t)p->memory.id, p->slot);
		if (pos > 0)
			ck_assert_int_le(
			    s->probes[s->heap[(pos - 1) / 2]].memory.at.us,
			    p->memory.at.us);
		if (i > 0)
			ck_assert_int_lt(probe_cmp(&s->probes[i - 1], p), 0);
	}
}

void
set(const struct checks_target *targets, size_t n)
{
	ck_assert_int_eq(checks_set(checks, now, targets, n), 0);
	walk();
}

void
set_one(const char *service, uint32_t n, const struct health_check *check)
{
	const struct checks_target one = target(service, n, check);

	set(&one, 1);
}

/* Goes on to the next start, which there must be. */
struct checks_start
next_start(void)
{
	struct checks_start s;
	uint64_t id;

	for (int turns = 0; !checks_due(checks, now, &s); turns++) {
		ck_assert_int_lt(turns, 10);
		while (checks_cancelled(checks, &id))
			;
		ck_assert_int_ne(checks_wakeup(checks).us, INT64_MAX);
		ck_assert_int_ge(checks_wakeup(checks).us, now.us);
		now = checks_wakeup(checks);
	}
	walk();
	return s;
}

/* The next probe, whichever it is, ends so. */
void
result(enum check_result r)
{
	struct checks_start s = next_start();

	checks_result(checks, now, s.id, r, r == CHECK_OK ? NULL : "refused");
	walk();
}

enum health
health_of(const char *service, uint32_t n)
{
	struct addr b = backend(n);

	return checks_health(checks, service, &b);
}

struct checks_state
state_of(const char *service, uint32_t n)
{
	struct addr b = backend(n);
	struct checks_state s;

	for (size_t i = 0; i < checks_count(checks); i++) {
		checks_get(checks, i, &s);
		if (strcmp(s.service, service) == 0 &&
		    addr_cmp(&s.backend, &b) == 0)
			return s;
	}
	ck_abort_msg("no %s on %u", service, n);
}
