/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/moves_rig.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

uint64_t random_state = 1;

uint32_t
random_below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % n;
}

struct addr
backend_addr(size_t backend)
{
	const uint8_t bytes[4] = {10, 0, 0, (uint8_t)(backend + 1)};
	struct addr a;

	ck_assert_int_eq(addr_from_bytes(&a, bytes, sizeof(bytes)), 0);
	return a;
}

size_t
backend_index(const struct addr *a)
{
	size_t len;

	return addr_bytes(a, &len)[3] - 1u;
}

void
world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < SERVICES; i++) {
		w->services[i].there = i < 2;
		for (size_t b = 0; b < BACKENDS; b++) {
			w->services[i].weight[b] = 1;
			w->services[i].life[b] = b < 5 ? UP : ABSENT;
		}
	}
}

static void
fill_members(const struct world *w, struct forwarding *f,
    struct forwarding_service *s, size_t i)
{
	s->members = calloc(BACKENDS, sizeof(*s->members));
	ck_assert_ptr_nonnull(s->members);
	for (uint16_t p = 0; p < f->n_backends; p++) {
		size_t b = backend_index(&f->backends[p]);
		enum life life = w->services[i].life[b];

		if (life == ABSENT)
			continue;
		s->members[s->n_members++] = (struct forwarding_member){p,
		    w->services[i].weight[b],
		    life == UP ? FORWARDING_PHI_FULL : 0, life == DOWN};
	}
}

static void
fill_service(const struct world *w, struct forwarding *f, size_t i)
{
	struct forwarding_service *s = &f->services[f->n_services++];

	snprintf(s->name, sizeof(s->name), "s%zu", i);
	s->table_size = SIZE;
	s->settle_s = SETTLE_S;
	s->udp_learn_s = LEARN_S;
	s->tcp_idle_s = s->udp_idle_s = 3600;
	s->down_keep = w->services[i].keep;
	s->endpoints = calloc(1, sizeof(*s->endpoints));
	ck_assert_ptr_nonnull(s->endpoints);
	s->n_endpoints = 1;
	s->endpoints[0].port = (uint16_t)(80 + i);
	s->endpoints[0].protocol = IPPROTO_TCP;
	ck_assert_int_eq(addr_parse(&s->endpoints[0].vip, "192.0.2.1"), 0);
	fill_members(w, f, s, i);
}

struct forwarding *
world_state(const struct world *w)
{
	struct forwarding *f = forwarding_new();

	ck_assert_ptr_nonnull(f);
	f->seed[0] = 7;
	f->backends = calloc(BACKENDS, sizeof(*f->backends));
	f->services = calloc(SERVICES, sizeof(*f->services));
	ck_assert(f->backends != NULL && f->services != NULL);
	for (size_t n = 0; n < BACKENDS; n++) {
		size_t b = w->reversed ? BACKENDS - 1 - n : n;
		bool used = false;

		for (size_t i = 0; i < SERVICES; i++)
			used |= w->services[i].there &&
			    w->services[i].life[b] != ABSENT;
		if (used)
			f->backends[f->n_backends++] = backend_addr(b);
	}
	for (size_t i = 0; i < SERVICES; i++)
		if (w->services[i].there)
			fill_service(w, f, i);
	return f;
}

bool
world_alive(const struct world *w, size_t i, size_t b)
{
	enum life life = w->services[i].life[b];

	return w->services[i].there && life != ABSENT &&
	    (life != DOWN || w->services[i].keep);
}

void
world_change(struct world *w)
{
	size_t i = random_below(SERVICES), b = random_below(BACKENDS);

	switch (random_below(20)) {
	case 0:
		w->services[i].there = !w->services[i].there;
		break;
	case 1:
		w->services[i].keep = !w->services[i].keep;
		break;
	case 2:
	case 3:
		w->services[i].weight[b] = (uint16_t)(1 + random_below(3));
		break;
	case 4:
		w->reversed = !w->reversed;
		break;
	case 5:
		w->services[i].life[b] = ABSENT;
		break;
	default:
		w->services[i].life[b] = (enum life)(UP + random_below(3));
	}
	/* The services of a kind often change together. */
	if (random_below(2) == 0)
		w->services[(i + 1) % SERVICES].life[b] =
		    w->services[i].life[b];
}

size_t
service_position(const struct forwarding *f, size_t i)
{
	char name[FORWARDING_NAME_MAX];

	snprintf(name, sizeof(name), "s%zu", i);
	for (size_t at = 0; at < f->n_services; at++)
		if (strcmp(f->services[at].name, name) == 0)
			return at;
	return SIZE_MAX;
}
