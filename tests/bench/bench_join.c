/* SPDX-License-Identifier: Apache-2.0 */
/* bench_join SOCKET SEED SERVICE BACKEND COUNT: has the balancer at SOCKET
 * learn COUNT entries of that backend, eight in each of its buckets, and prints
 * how many it has taken, and what one takes on its way between two nodes.
 * moves_lab then has another node join. */
#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balancer/core/flow.h"
#include "common/arena.h"
#include "common/flows_batch.h"
#include "common/frame.h"
#include "common/unix_socket.h"
#include "proto/balancer.pb-c.h"
#include "tests/bench/bench.h"

#define TIMEOUT_MS 20000
#define BUCKET     8

static struct flow_told flows[FLOWS_PAGE_MAX];
static struct addr backend;
static struct flow_service service = {.flows = flows};
static struct flow_batch batch = {.backends = &backend,
    .n_backends = 1,
    .services = &service,
    .n_services = 1};

static uint64_t
mixed(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* The lowest bits choose the bucket, the highest the slot. */
static void
fill(uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		flows[i] = (struct flow_told){
		    .hash = mixed(first + i + 1) << 32 | (first + i) / BUCKET};
	service.n_flows = n;
}

static void
read_seed(const char *text)
{
	uint8_t seed[FORWARDING_SEED_LEN];

	for (size_t i = 0; i < sizeof(seed); i++)
		if (sscanf(text + 2 * i, "%2hhx", &seed[i]) != 1)
			errx(2, "%s: not a seed", text);
	batch.seed_print = flows_seed_print(seed);
}

static void
receive(int fd, struct evbuffer *in, const uint8_t **data, size_t *len)
{
	struct pollfd p = {fd, POLLIN, 0};
	struct errmsg why;

	while (frame_next(in, data, len, &why) == FRAME_SHORT)
		if (poll(&p, 1, TIMEOUT_MS) != 1 ||
		    evbuffer_read(in, fd, -1) <= 0)
			errx(2, "no reply");
}

/* Returns how many it has taken. */
static uint32_t
learn(int fd)
{
	struct arena *arena = arena_new();
	struct evbuffer *buffer = evbuffer_new();
	Guideway__Balancer__Request q = GUIDEWAY__BALANCER__REQUEST__INIT;
	Guideway__Balancer__Reply *reply;
	struct pollfd p = {fd, POLLOUT, 0};
	const uint8_t *data;
	uint8_t *packed;
	uint32_t taken;
	size_t len;

	q.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_LEARN;
	q.learn = flow_batch_to_message(arena, &batch);
	len = guideway__balancer__request__get_packed_size(&q);
	if (q.learn == NULL || buffer == NULL || (packed = malloc(len)) == NULL)
		errx(2, "out of memory");
	guideway__balancer__request__pack(&q, packed);
	frame_put(buffer, packed, len);
	free(packed);
	while (evbuffer_get_length(buffer) > 0)
		if (poll(&p, 1, TIMEOUT_MS) != 1 ||
		    evbuffer_write(buffer, fd) == -1)
			err(2, "send");
	receive(fd, buffer, &data, &len);
	reply = guideway__balancer__reply__unpack(NULL, len, data);
	if (reply == NULL || reply->learnt == NULL ||
	    reply->body_case != GUIDEWAY__BALANCER__REPLY__BODY_LEARNT)
		errx(2, "it does not learn");
	taken = reply->learnt->taken;
	guideway__balancer__reply__free_unpacked(reply, NULL);
	evbuffer_free(buffer);
	arena_free(arena);
	return taken;
}

/* Of a batch as agents send them when there is much to tell. */
static double
wire_bytes(void)
{
	struct arena *arena = arena_new();
	Guideway__Flows__Flows *message;
	size_t len;

	fill(0, FLOWS_BATCH_MAX);
	if ((message = flow_batch_to_message(arena, &batch)) == NULL)
		errx(2, "out of memory");
	len = guideway__flows__flows__get_packed_size(message);
	arena_free(arena);
	return (double)len / FLOWS_BATCH_MAX;
}

int
main(int argc, char *argv[])
{
	struct errmsg why;
	uint32_t count, taken = 0;
	int fd;

	if (argc != 6 || addr_parse(&backend, argv[4]) == -1 ||
	    strlen(argv[2]) != 2 * FORWARDING_SEED_LEN)
		errx(2, "usage: bench_join SOCKET SEED SERVICE BACKEND COUNT");
	read_seed(argv[2]);
	service.name = argv[3];
	count = (uint32_t)atoi(argv[5]);
	bench_figure("moves.bytes_per_entry", wire_bytes(), "bytes");
	bench_figure(
	    "moves.memory_per_entry", sizeof(struct flow_entry), "bytes");
	if ((fd = unix_connect(argv[1], &why)) == -1)
		errx(2, "%s", why.text);
	for (uint32_t i = 0, n; i < count; i += n) {
		n = count - i < FLOWS_PAGE_MAX ? count - i : FLOWS_PAGE_MAX;
		fill(i, n);
		taken += learn(fd);
	}
	close(fd);
	bench_say("%u of %u entries taken", taken, count);
	return taken > 0 ? 0 : 1;
}
