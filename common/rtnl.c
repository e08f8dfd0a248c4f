/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The kernel fills at most this much of one read (NLMSG_GOODSIZE, and 32 KiB
 * for dumps). */
#define READ_LEN 32768

/* Room for a burst, e.g. a routing daemon that starts. */
#define EVENTS_BUFFER_LEN (4 << 20)
#define READS_PER_CALL    64

struct rtnl {
	struct mnl_socket *ask, *events; /* events: NULL, nothing is heard */
	uint32_t seq;
	bool interrupted; /* the dump being read: it changed meanwhile */
	/* Aligned as messages are. Two, since a notice may lead to a question
	 * before the rest of its read has been looked at. */
	uint32_t answer[READ_LEN / sizeof(uint32_t)];
	uint32_t notices[READ_LEN / sizeof(uint32_t)];
};

static struct mnl_socket *
open_socket(struct errmsg *why)
{
	struct mnl_socket *s = mnl_socket_open2(
	    NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (s == NULL) {
		errmsg_sys(why, "netlink");
		return NULL;
	}
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == -1) {
		errmsg_sys(why, "netlink: bind");
		mnl_socket_close(s);
		return NULL;
	}
	return s;
}

/* A kernel that knows these (4.20, 4.3) looks at all of a dump's request, so
 * that it filters by table, and does not send what it refuses back whole. With
 * another there is only more to read. */
static void
set_options(struct mnl_socket *s)
{
	static const int options[] = {NETLINK_GET_STRICT_CHK, NETLINK_CAP_ACK};
	int on = 1;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)mnl_socket_setsockopt(s, options[i], &on, sizeof(on));
}

static int
subscribe(struct mnl_socket *s, const int *groups, size_t n, struct errmsg *why)
{
	int len = EVENTS_BUFFER_LEN, fd = mnl_socket_get_fd(s);

	/* FORCE goes over the system's limit, and needs CAP_NET_ADMIN; a
	 * smaller buffer only means reading all again more often. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &len, sizeof(len)) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof(len));
	for (size_t i = 0; i < n; i++) {
		int group = groups[i];
		if (mnl_socket_setsockopt(
			s, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == -1)
			return errmsg_sys(why, "netlink: group %d", group);
	}
	return 0;
}

struct rtnl *
rtnl_new(const int *groups, size_t n, struct errmsg *why)
{
	struct rtnl *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		errmsg_sys(why, "netlink");
		return NULL;
	}
	if ((r->ask = open_socket(why)) == NULL)
		goto fail;
	set_options(r->ask);
	if (n > 0 &&
	    ((r->events = open_socket(why)) == NULL ||
		subscribe(r->events, groups, n, why) == -1))
		goto fail;
	return r;
fail:
	rtnl_free(r);
	return NULL;
}

void
rtnl_free(struct rtnl *r)
{
	if (r == NULL)
		return;
	if (r->ask != NULL)
		mnl_socket_close(r->ask);
	if (r->events != NULL)
		mnl_socket_close(r->events);
	free(r);
}

int
rtnl_only_table(struct rtnl *r, uint32_t table, struct errmsg *why)
{
	/* Each notice comes alone. The filter loads in network order what is
	 * there in the host's. */
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_H | BPF_ABS,
		offsetof(struct nlmsghdr, nlmsg_type)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 2),
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
		NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_table)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		table < 256 ? table : RT_TABLE_COMPAT, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	if (setsockopt(mnl_socket_get_fd(r->events), SOL_SOCKET,
		SO_ATTACH_FILTER, &program, sizeof(program)) == -1)
		return errmsg_sys(why, "netlink: filter");
	return 0;
}

uint32_t
rtnl_seq(struct rtnl *r)
{
	if (++r->seq == 0) /* 0 marks notices */
		++r->seq;
	return r->seq;
}

/* What the kernel answered, in place of a message. 1: this was the end. */
static int
end_of_answer(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err;

	if (nlh->nlmsg_type == NLMSG_DONE)
		return 1;
	if (nlh->nlmsg_type != NLMSG_ERROR)
		return 0;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err)) {
		errno = EBADMSG;
		return -1;
	}
	err = mnl_nlmsg_get_payload(nlh);
	if (err->error == 0)
		return 1;
	errno = -err->error;
	return -1;
}

/* One read of an answer: 1 it is complete, 0 there is more, -1 with errno. An
 * interrupted dump is read to its end: the kernel begins no other before. */
static int
take_answer(
    struct rtnl *r, uint32_t seq, size_t len, rtnl_message each, void *ctx)
{
	const struct nlmsghdr *nlh = (const void *)r->answer;
	int left = (int)len, end;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != seq)
			continue; /* of a question we gave up on */
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			r->interrupted = true;
		if ((end = end_of_answer(nlh)) != 0)
			return end;
		each(ctx, nlh);
		if (!(nlh->nlmsg_flags & NLM_F_MULTI))
			return 1;
	}
	return 0;
}

int
rtnl_ask(struct rtnl *r, const struct nlmsghdr *request, rtnl_message each,
    void *ctx)
{
	ssize_t n;
	int end;

	if (mnl_socket_sendto(r->ask, request, request->nlmsg_len) == -1)
		return -1;
	r->interrupted = false;
	do {
		n = mnl_socket_recvfrom(r->ask, r->answer, sizeof(r->answer));
		if (n == -1)
			return -1;
		end = take_answer(r, request->nlmsg_seq, (size_t)n, each, ctx);
	} while (end == 0);
	if (end == 1 && r->interrupted) {
		errno = EINTR;
		return -1;
	}
	return end == 1 ? 0 : -1;
}

struct changes {
	const struct nlmsghdr *next; /* the first whose answer may come */
	size_t position;             /* of that one */
	const struct nlmsghdr *last;
	rtnl_refused refused;
	void *ctx;
};

/* On to the change that this is an answer to: answers come in the order of the
 * changes. false: it is none of them. */
static bool
find_change(struct changes *c, uint32_t seq)
{
	const struct nlmsghdr *nlh = c->next;
	size_t position = c->position;
	int left = INT32_MAX;

	while (nlh->nlmsg_seq != seq) {
		if (nlh == c->last)
			return false;
		nlh = mnl_nlmsg_next(nlh, &left);
		position++;
	}
	c->next = nlh;
	c->position = position;
	return true;
}

/* One read of the answers: true when that to the last change was there. */
static bool
take_refusals(struct rtnl *r, size_t len, struct changes *c)
{
	const struct nlmsghdr *nlh = (const void *)r->answer;
	const struct nlmsgerr *err;
	int left = (int)len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type != NLMSG_ERROR ||
		    mnl_nlmsg_get_payload_len(nlh) < sizeof(*err) ||
		    !find_change(c, nlh->nlmsg_seq))
			continue;
		err = mnl_nlmsg_get_payload(nlh);
		if (err->error != 0)
			c->refused(c->ctx, c->position, -err->error);
		if (c->next == c->last)
			return true;
	}
	return false;
}

int
rtnl_change(
    struct rtnl *r, void *changes, size_t len, rtnl_refused refused, void *ctx)
{
	struct changes c = {.next = changes, .refused = refused, .ctx = ctx};
	struct nlmsghdr *nlh = changes, *last = NULL;
	int left = (int)len;
	ssize_t n;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		last = nlh;
	if (last == NULL)
		return 0;
	last->nlmsg_flags |= NLM_F_ACK;
	c.last = last;
	if (mnl_socket_sendto(r->ask, changes, len) == -1)
		return -1;
	do {
		n = mnl_socket_recvfrom(r->ask, r->answer, sizeof(r->answer));
		if (n == -1)
			return -1;
	} while (!take_refusals(r, (size_t)n, &c));
	return 0;
}

int
rtnl_fd(const struct rtnl *r)
{
	return r->events == NULL ? -1 : mnl_socket_get_fd(r->events);
}

/* What waits is older than what was lost, and than what will be read instead:
 * taken after that, it would bring the past back. */
static void
discard_notices(struct rtnl *r)
{
	while (mnl_socket_recvfrom(r->events, r->notices, sizeof(r->notices)) !=
		-1 ||
	    errno == EINTR || errno == ENOBUFS)
		continue;
	errno = ENOBUFS;
}

int
rtnl_notices(struct rtnl *r, rtnl_message each, void *ctx)
{
	const struct nlmsghdr *nlh;
	int left;
	ssize_t n;

	for (int reads = 0; reads < READS_PER_CALL; reads++) {
		n = mnl_socket_recvfrom(
		    r->events, r->notices, sizeof(r->notices));
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n == -1 && errno == ENOBUFS)
			discard_notices(r);
		if (n == -1)
			return -1;
		left = (int)n;
		nlh = (const void *)r->notices;
		for (; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left))
			each(ctx, nlh);
	}
	return 0;
}
