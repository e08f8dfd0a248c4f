/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the balancer's socket, for tests without an agent:
 *
 *   balancer_client SOCKET install CONFIG       sends the state of a file
 *   balancer_client SOCKET break CONFIG         ... with a table too small
 *   balancer_client SOCKET status               counters, as text
 *   balancer_client SOCKET ping                 the pong, a line for each part
 *   balancer_client SOCKET trace SRC DST PORT   of TCP from port 1234
 *   balancer_client SOCKET send < BYTES         no framing; prints nothing
 *   balancer_client SOCKET silent SECONDS       half a frame, then waits
 *   balancer_client SOCKET hang SECONDS         a successor that asks for the
 *                                               state, and then waits
 *
 * Exits 0 when the answer was what was asked for, 1 when it was a refusal
 * (printed), 2 otherwise. */
#include "config.h"

#include <err.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/balancer_report.h"
#include "common/conf.h"
#include "common/frame.h"
#include "common/unix_socket.h"
#include "common/view.h"
#include "proto/balancer.pb-c.h"

#define TIMEOUT_MS 20000

typedef Guideway__Balancer__Request MsgRequest;
typedef Guideway__Balancer__Reply MsgReply;

static struct errmsg why;
static struct arena *arena;

static void
send_all(int fd, struct evbuffer *out)
{
	struct pollfd p = {fd, POLLOUT, 0};

	while (evbuffer_get_length(out) > 0) {
		if (poll(&p, 1, TIMEOUT_MS) != 1)
			errx(2, "cannot send");
		if (evbuffer_write(out, fd) == -1)
			err(2, "send");
	}
}

static MsgReply *
receive(int fd, struct evbuffer *in)
{
	struct pollfd p = {fd, POLLIN, 0};
	const uint8_t *data;
	MsgReply *reply;
	size_t len;

	while (frame_next(in, &data, &len, &why) == FRAME_SHORT) {
		if (poll(&p, 1, TIMEOUT_MS) != 1)
			errx(2, "no reply");
		if (evbuffer_read(in, fd, -1) <= 0)
			errx(2, "cut off");
	}
	reply = guideway__balancer__reply__unpack(NULL, len, data);
	if (reply == NULL)
		errx(2, "not a reply");
	return reply;
}

static MsgReply *
ask(int fd, const MsgRequest *request)
{
	size_t len = guideway__balancer__request__get_packed_size(request);
	struct evbuffer *buffer = evbuffer_new();
	uint8_t *data = malloc(len + 1);
	MsgReply *reply;

	guideway__balancer__request__pack(request, data);
	frame_put(buffer, data, len);
	free(data);
	send_all(fd, buffer);
	reply = receive(fd, buffer);
	evbuffer_free(buffer);
	if (reply->body_case == GUIDEWAY__BALANCER__REPLY__BODY_REFUSED) {
		printf("refused: %.*s\n", (int)reply->refused->why.len,
		    (const char *)reply->refused->why.data);
		exit(1);
	}
	return reply;
}

/* A state that is put off until there is room for it is sent again and again.
 */
static MsgReply *
ask_install(int fd, const MsgRequest *request)
{
	const struct timespec pause = {0, 20000000};
	MsgReply *reply;

	for (int i = 0; i < TIMEOUT_MS / 20; i++) {
		reply = ask(fd, request);
		if (reply->body_case != GUIDEWAY__BALANCER__REPLY__BODY_LATER)
			return reply;
		guideway__balancer__reply__free_unpacked(reply, NULL);
		nanosleep(&pause, NULL);
	}
	errx(2, "put off for ever");
}

static void
install(int fd, const char *path, bool broken)
{
	MsgRequest request = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct conf *conf = conf_load(path, &why);
	struct forwarding *state;
	MsgReply *reply;

	if (conf == NULL || (state = view_forwarding(conf, NULL, 0, 7)) == NULL)
		errx(2, "%s", why.text);
	if (broken)
		state->services[0].table_size = 3;
	request.id = 42;
	request.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_INSTALL;
	request.install = forwarding_to_message(arena, state);
	reply = ask_install(fd, &request);
	if (reply->id != 42 || reply->installed == NULL)
		errx(2, "another reply than expected");
	for (size_t i = 0; i < reply->installed->n_tables; i++) {
		const Guideway__Balancer__TableDigest *t =
		    reply->installed->tables[i];
		printf("%.*s ", (int)t->service.len, t->service.data);
		for (size_t b = 0; b < t->digest.len; b++)
			printf("%02x", t->digest.data[b]);
		printf("\n");
	}
	forwarding_free(state);
	conf_free(conf);
	guideway__balancer__reply__free_unpacked(reply, NULL);
}

static void
print_status(const struct balancer_status *s)
{
	char text[ADDR_TEXT_MAX];

	printf("generation %" PRIu64 "\n", s->generation);
	for (size_t i = 0; i < s->n_interfaces; i++)
		printf("interface %s %s received %" PRIu64 " dropped %" PRIu64
		       " sent %" PRIu64 " errors %" PRIu64 " (%s)\n",
		    s->interfaces[i].name, s->interfaces[i].driver,
		    s->interfaces[i].received, s->interfaces[i].dropped,
		    s->interfaces[i].sent, s->interfaces[i].send_errors,
		    s->interfaces[i].detail);
	for (size_t i = 0; i < s->n_reasons; i++)
		printf("reason %s %" PRIu64 "\n", s->reasons[i].name,
		    s->reasons[i].packets);
	for (size_t i = 0; i < s->n_backends; i++) {
		const struct report_backend *b = &s->backends[i];
		printf("backend %s %" PRIu64 " %s %s "
		       "%02x:%02x:%02x:%02x:%02x:%02x\n",
		    addr_format(&b->addr, text), b->packets,
		    b->resolved ? "resolved" : "unresolved",
		    b->interface[0] == '\0' ? "-" : b->interface, b->mac[0],
		    b->mac[1], b->mac[2], b->mac[3], b->mac[4], b->mac[5]);
	}
}

static void
status(int fd)
{
	Guideway__Balancer__StatusRequest body =
	    GUIDEWAY__BALANCER__STATUS_REQUEST__INIT;
	MsgRequest request = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct balancer_status s = {0};
	MsgReply *reply;

	request.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_STATUS;
	request.status = &body;
	reply = ask(fd, &request);
	if (reply->body_case != GUIDEWAY__BALANCER__REPLY__BODY_STATUS ||
	    balancer_status_from_message(arena, &s, reply->status, &why) == -1)
		errx(2, "status: %s", why.text);
	print_status(&s);
	guideway__balancer__reply__free_unpacked(reply, NULL);
}

static void
ping(int fd)
{
	Guideway__Balancer__PingRequest body =
	    GUIDEWAY__BALANCER__PING_REQUEST__INIT;
	MsgRequest request = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct balancer_pong p = {0};
	MsgReply *reply;

	request.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_PING;
	request.ping = &body;
	reply = ask(fd, &request);
	if (reply->body_case != GUIDEWAY__BALANCER__REPLY__BODY_PONG ||
	    balancer_pong_from_message(arena, &p, reply->pong, &why) == -1)
		errx(2, "pong: %s", why.text);
	printf("generation %" PRIu64 "\nvip_packets %" PRIu64 "\n"
	       "next_hops_version %" PRIu64 "\ndevice %s %s\nerror %s\n"
	       "puts_off %s\n",
	    p.generation, p.vip_packets, p.next_hops_version, p.device_name,
	    p.device ? "yes" : "no", p.device_error, p.puts_off ? "yes" : "no");
	guideway__balancer__reply__free_unpacked(reply, NULL);
}

static void
trace(int fd, char *argv[])
{
	MsgRequest request = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct trace_query q = {.protocol = 6, .source_port = 1234};
	struct trace_answer a = {0};
	char text[ADDR_TEXT_MAX];
	MsgReply *reply;

	if (addr_parse(&q.source, argv[0]) == -1 ||
	    addr_parse(&q.destination, argv[1]) == -1)
		errx(2, "not an address");
	q.destination_port = (uint16_t)atoi(argv[2]);
	request.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_TRACE;
	request.trace = trace_query_to_message(arena, &q);
	reply = ask(fd, &request);
	if (reply->body_case != GUIDEWAY__BALANCER__REPLY__BODY_TRACE ||
	    trace_answer_from_message(arena, &a, reply->trace, &why) == -1)
		errx(2, "trace: %s", why.text);
	printf("%s %s %u", a.reason, a.service, a.slot);
	if (a.forwarded)
		printf(" %s %s", addr_format(&a.backend, text), a.interface);
	if (a.forwarded && !addr_is_none(&a.encap_source))
		printf(" from %s", addr_format(&a.encap_source, text));
	printf("\n");
	guideway__balancer__reply__free_unpacked(reply, NULL);
}

static void
send_stdin(int fd)
{
	struct evbuffer *buffer = evbuffer_new();

	while (evbuffer_read(buffer, STDIN_FILENO, 4096) > 0)
		send_all(fd, buffer);
	evbuffer_free(buffer);
}

static void
silent(int fd, const char *seconds)
{
	if (write(fd, "\0\0\1", 3) != 3)
		err(2, "send");
	sleep((unsigned)atoi(seconds));
}

static void
hang(int fd, const char *seconds)
{
	Guideway__Balancer__HandoverRequest handover =
	    GUIDEWAY__BALANCER__HANDOVER_REQUEST__INIT;
	MsgRequest request = GUIDEWAY__BALANCER__REQUEST__INIT;

	request.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_HANDOVER;
	request.handover = &handover;
	guideway__balancer__reply__free_unpacked(ask(fd, &request), NULL);
	sleep((unsigned)atoi(seconds));
}

int
main(int argc, char *argv[])
{
	const char *verb = argc > 2 ? argv[2] : "";
	int fd;

	if (argc < 3)
		errx(2, "usage: balancer_client SOCKET VERB ...");
	if ((arena = arena_new()) == NULL)
		errx(2, "out of memory");
	if ((fd = unix_connect(argv[1], &why)) == -1)
		errx(2, "%s", why.text);
	if (strcmp(verb, "install") == 0 && argc == 4)
		install(fd, argv[3], false);
	else if (strcmp(verb, "break") == 0 && argc == 4)
		install(fd, argv[3], true);
	else if (strcmp(verb, "status") == 0)
		status(fd);
	else if (strcmp(verb, "ping") == 0)
		ping(fd);
	else if (strcmp(verb, "trace") == 0 && argc == 6)
		trace(fd, argv + 3);
	else if (strcmp(verb, "send") == 0)
		send_stdin(fd);
	else if (strcmp(verb, "silent") == 0 && argc == 4)
		silent(fd, argv[3]);
	else if (strcmp(verb, "hang") == 0 && argc == 4)
		hang(fd, argv[3]);
	else
		errx(2, "%s: unknown verb", verb);
	close(fd);
	arena_free(arena);
	return 0;
}
