/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1, and the same over TLS: one GET, of whose answer only the status is
 * read. Not evhttp: that wants the whole answer, which may be long. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/probe/probe_impl.h"

#define READ_PIECE 1024

static bool
is_tls(const struct probe *p)
{
	return p->check.kind == CHECK_HTTPS;
}

/* RFC 9110, 7.2: with the port where it is not the scheme's own. */
static void
format_host(const struct probe *p, char *out, size_t size)
{
	char text[ADDR_TEXT_MAX], port[8] = "";
	const char *host = p->check.host;
	bool is6;

	if (host[0] == '\0')
		host = addr_format(&p->dest, text);
	is6 = strchr(host, ':') != NULL;
	if (p->check.port != (is_tls(p) ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", p->check.port);
	snprintf(
	    out, size, "%s%s%s%s", is6 ? "[" : "", host, is6 ? "]" : "", port);
}

/* Two texts of at most 255 bytes and these words: it fits. */
static void
make_request(struct probe *p)
{
	struct probe_http *h = &p->http;
	char host[CHECK_TEXT_MAX + 16];

	format_host(p, host, sizeof(host));
	h->len = (size_t)snprintf(h->request, sizeof(h->request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: guideway\r\n"
	    "Accept: */*\r\nConnection: close\r\n\r\n",
	    p->check.path, host);
}

static ssize_t
transport_write(struct probe *p, const void *data, size_t len, short *what)
{
	ssize_t n;

	if (is_tls(p))
		return tls_write(p, data, len, what);
	n = send(p->fd, data, len, MSG_NOSIGNAL);
	*what = n == -1 && errno == EAGAIN ? EV_WRITE : 0;
	if (n == -1 && *what == 0)
		probe_settle_errno(p, errno);
	return n;
}

static ssize_t
transport_read(struct probe *p, void *data, size_t len, short *what)
{
	ssize_t n;

	if (is_tls(p))
		return tls_read(p, data, len, what);
	n = recv(p->fd, data, len, 0);
	*what = n == -1 && errno == EAGAIN ? EV_READ : 0;
	if (n == -1 && *what == 0)
		probe_settle_errno(p, errno);
	return n;
}

static void
judge(struct probe *p)
{
	unsigned code = p->http.reply.code;

	if (code >= p->check.status_min && code <= p->check.status_max)
		probe_settle(p, PROBE_OK, "%s", "");
	else
		probe_settle(p, PROBE_FAILED, "status %u", code);
}

/* One piece; true: again. What stands in TLS's buffers, no event tells of. */
static bool
read_piece(struct probe *p)
{
	struct probe_http *h = &p->http;
	char data[READ_PIECE];
	short what;
	ssize_t n = transport_read(p, data, sizeof(data), &what);

	if (n == -1) {
		probe_wait(p, what, "answer");
		return false;
	}
	if (n == 0) {
		probe_settle(
		    p, PROBE_FAILED, "connection closed without an answer");
		return false;
	}
	h->read += (size_t)n;
	switch (http_reply_take(&h->reply, data, (size_t)n)) {
	case HTTP_REPLY_DONE:
		judge(p);
		return false;
	case HTTP_REPLY_BAD:
		probe_settle(p, PROBE_FAILED, "the answer is not HTTP");
		return false;
	case HTTP_REPLY_MORE:
		break;
	}
	if (h->read < PROBE_READ_MAX)
		return true;
	probe_settle(p, PROBE_FAILED, "no status in %d bytes", PROBE_READ_MAX);
	return false;
}

static void
send_request(struct probe *p)
{
	struct probe_http *h = &p->http;
	short what = 0;
	ssize_t n;

	while (h->sent < h->len) {
		n = transport_write(
		    p, h->request + h->sent, h->len - h->sent, &what);
		if (n <= 0) {
			probe_wait(p, what, "answer");
			return;
		}
		h->sent += (size_t)n;
	}
	h->phase = HTTP_READ;
	probe_wait(p, EV_READ, "answer");
}

static void
shake_hands(struct probe *p)
{
	short what;

	if (tls_handshake(p, &what) == -1) {
		probe_wait(p, what, "TLS handshake");
		return;
	}
	p->http.phase = HTTP_SEND;
	send_request(p);
}

static void
connected(struct probe *p)
{
	if (probe_connected(p) == -1)
		return;
	if (!is_tls(p)) {
		p->http.phase = HTTP_SEND;
		send_request(p);
	} else if (tls_start(p) == 0) {
		p->http.phase = HTTP_HANDSHAKE;
		shake_hands(p);
	}
}

static void
start(struct probe *p)
{
	make_request(p);
	if (probe_connect(p, SOCK_STREAM) == 0)
		probe_wait(p, EV_WRITE, "connection");
}

static void
ready(struct probe *p)
{
	switch (p->http.phase) {
	case HTTP_CONNECT:
		connected(p);
		break;
	case HTTP_HANDSHAKE:
		shake_hands(p);
		break;
	case HTTP_SEND:
		send_request(p);
		break;
	case HTTP_READ:
		while (read_piece(p))
			;
		break;
	}
}

static void
clear(struct probe *p)
{
	tls_end(p);
}

const struct probe_ops probe_http = {start, ready, clear};
