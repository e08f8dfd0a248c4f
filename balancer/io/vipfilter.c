/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/vipfilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Comparisons that share one "take it": jumps reach 255 instructions. */
#define CHUNK 200
/* Of each IP version. Debian 12's kernel gives a socket 20 KiB for its filter
 * (net.core.optmem_max), 8 bytes an instruction. */
#define WORDS_MAX 1000
#define INSNS_MAX (64 + 2 * (WORDS_MAX + 2 * (WORDS_MAX / CHUNK + 1)))
#define TAGS_MAX  2
#define TAKE_ALL  0xffffffffu

#define OFFSET_TYPE      12
#define OFFSET_IP4_DST   (ETH_HLEN + 16)
#define OFFSET_IP6_DST_3 (ETH_HLEN + 24 + 12)

struct words {
	uint32_t *v; /* sorted, each once */
	size_t n;
};

struct program {
	struct sock_filter insns[INSNS_MAX];
	unsigned short n;
};

static void
add(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	p->insns[p->n++] = (struct sock_filter){code, jt, jf, k};
}

static int
cmp_word(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The last four bytes of each VIP of one IP version. */
static int
collect(struct words *w, const struct forwarding *f, bool ip4)
{
	size_t room = 1, n = 0;

	for (size_t s = 0; s < f->n_services; s++)
		room += f->services[s].n_endpoints;
	w->n = 0;
	if ((w->v = calloc(room, sizeof(*w->v))) == NULL)
		return -1;
	for (size_t s = 0; s < f->n_services; s++) {
		for (size_t e = 0; e < f->services[s].n_endpoints; e++) {
			const struct addr *a = &f->services[s].endpoints[e].vip;
			const uint8_t *b = a->bytes + 12;
			if (addr_is4(a) == ip4)
				w->v[n++] = (uint32_t)b[0] << 24 |
				    (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
				    b[3];
		}
	}
	qsort(w->v, n, sizeof(*w->v), cmp_word);
	for (size_t i = 0; i < n; i++) {
		if (w->n == 0 || w->v[w->n - 1] != w->v[i])
			w->v[w->n++] = w->v[i];
	}
	return 0;
}

/* The word at X + offset is one of them: take the frame, else drop it. */
static void
add_words(struct program *p, uint32_t offset, const struct words *w)
{
	size_t n;

	if (w->n > WORDS_MAX) {
		add(p, BPF_RET | BPF_K, TAKE_ALL, 0, 0);
		return;
	}
	add(p, BPF_LD | BPF_W | BPF_IND, offset, 0, 0);
	for (size_t at = 0; at < w->n; at += n) {
		n = w->n - at < CHUNK ? w->n - at : CHUNK;
		/* To the RET, over the comparisons left and the JA. */
		for (size_t i = 0; i < n; i++)
			add(p, BPF_JMP | BPF_JEQ | BPF_K, w->v[at + i],
			    (uint8_t)(n - i), 0);
		add(p, BPF_JMP | BPF_JA, 1, 0, 0);
		add(p, BPF_RET | BPF_K, TAKE_ALL, 0, 0);
	}
	add(p, BPF_RET | BPF_K, 0, 0, 0);
}

/* Frames for this host; X = bytes of VLAN tags; then by Ethernet type. */
static void
build(struct program *p, const struct words *ip4, const struct words *ip6)
{
	unsigned short to_ip4[TAGS_MAX + 1], to_ip6[TAGS_MAX + 1];

	p->n = 0;
	add(p, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE), 0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 1, 0);
	add(p, BPF_RET | BPF_K, 0, 0, 0);
	for (int tags = 0; tags <= TAGS_MAX; tags++) {
		add(p, BPF_LDX | BPF_IMM, 4u * (unsigned)tags, 0, 0);
		add(p, BPF_LD | BPF_H | BPF_IND, OFFSET_TYPE, 0, 0);
		add(p, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 1);
		to_ip4[tags] = p->n;
		add(p, BPF_JMP | BPF_JA, 0, 0, 0);
		add(p, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 1);
		to_ip6[tags] = p->n;
		add(p, BPF_JMP | BPF_JA, 0, 0, 0);
		add(p, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 2, 0);
		add(p, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021AD, 1, 0);
		add(p, BPF_RET | BPF_K, 0, 0, 0);
	}
	add(p, BPF_RET | BPF_K, 0, 0, 0);
	for (int tags = 0; tags <= TAGS_MAX; tags++)
		p->insns[to_ip4[tags]].k = p->n - to_ip4[tags] - 1u;
	add_words(p, OFFSET_IP4_DST, ip4);
	for (int tags = 0; tags <= TAGS_MAX; tags++)
		p->insns[to_ip6[tags]].k = p->n - to_ip6[tags] - 1u;
	add_words(p, OFFSET_IP6_DST_3, ip6);
}

static int
attach(int fd, struct program *p)
{
	struct sock_fprog prog = {p->n, p->insns};

	return setsockopt(
	    fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int
attach_nothing(int fd)
{
	struct sock_filter none = {BPF_RET | BPF_K, 0, 0, 0};
	struct sock_fprog prog = {1, &none};

	return setsockopt(
	    fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

int
vipfilter_attach(int fd, const struct forwarding *state)
{
	static const struct words every = {NULL, WORDS_MAX + 1};
	struct words ip4 = {NULL, 0}, ip6 = {NULL, 0};
	struct program *p;
	int r = -1;

	if (state == NULL)
		return attach_nothing(fd);
	if ((p = malloc(sizeof(*p))) == NULL)
		return -1;
	if (collect(&ip4, state, true) == -1 ||
	    collect(&ip6, state, false) == -1)
		goto done;
	build(p, &ip4, &ip6);
	r = attach(fd, p);
	if (r == -1 && errno == ENOMEM) {
		/* A system with less room for filters than expected. */
		build(p, &every, &every);
		r = attach(fd, p);
	}
done:
	free(ip4.v);
	free(ip6.v);
	free(p);
	return r;
}
