/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a session, and who does not: certificates, pre-shared keys, those
 * who only take up room. */
#include "config.h"

#include "agent/peer/net.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tests/unit/peer_rig.h"
#include "tests/unit/unit.h"

#define KEY1  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef1"
#define KEY2  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef2"
#define KEY3  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef3"
#define DAY_S 86400

static struct side a, b;

static void
teardown(void)
{
	side_stop(&a);
	side_stop(&b);
	rig_teardown();
}

/* With rig_dir/NAME as its identity. */
static void
start(struct side *side, const char *node, const char *cluster,
    const char *nodes, const char *name)
{
	char trust[160];

	snprintf(trust, sizeof(trust), "identity: %s", rig_path(name));
	side_start(side, rig_conf(node, cluster, nodes, trust));
}

static void
start_psk(struct side *side, const char *node, const char *keys)
{
	char trust[160];

	rig_write(node, keys);
	snprintf(trust, sizeof(trust), "psk: %s", rig_path(node));
	side_start(side, rig_conf(node, "site1", "abc", trust));
}

/* Nodes a and b of one cluster, each with its certificate. */
static void
start_both(void)
{
	rig_ca("ca", "site1");
	rig_identity("ca", "a", time(NULL));
	rig_identity("ca", "b", time(NULL));
	start(&a, "a", "site1", "abc", "ca-a.pem");
	start(&b, "b", "site1", "abc", "ca-b.pem");
}

/* The one who was called has turned it away, and said so by this. */
static void
expect_refused(struct side *side, const char *what)
{
	struct errmsg last = {""};

	UNTIL(peer_net_refused(side->net, &last) > 0);
	ck_assert_msg(strstr(last.text, what) != NULL, "%s", last.text);
	ck_assert_uint_eq(side->ups, 0);
}

static void
expect_down(struct side *side, const char *what)
{
	UNTIL(side->downs > 0);
	ck_assert_msg(
	    strstr(side->why.text, what) != NULL, "%s", side->why.text);
}

START_TEST(certificates)
{
	uint64_t session;

	start_both();
	session = side_dial(&a, "b", 'b');
	UNTIL(a.ups == 1 && b.ups == 1);
	ck_assert_uint_eq(a.session, session);
	ck_assert_str_eq(a.node, "b");
	ck_assert_str_eq(b.node, "a");
	ck_assert(a.dialled);
	ck_assert(!b.dialled);
	ck_assert_int_eq(side_send(&a, a.session, 5), 0);
	UNTIL(b.messages == 1);
	ck_assert_uint_eq(b.len, 5);
	ck_assert_int_eq(side_send(&b, b.session, PEER_FRAME_MAX_UNTRUSTED), 0);
	UNTIL(a.messages == 1);
	ck_assert_uint_eq(a.len, PEER_FRAME_MAX_UNTRUSTED);
	ck_assert_uint_eq(peer_net_refused(a.net, NULL), 0);
	ck_assert_uint_ne(side_dial(&a, "b", 'b'), session);
}
END_TEST

/* Both have an identity of the right names, but not of the same CA. */
START_TEST(another_ca)
{
	rig_ca("ca", "site1");
	rig_ca("ca2", "site1");
	rig_identity("ca", "a", time(NULL));
	rig_identity("ca2", "b", time(NULL));
	start(&a, "a", "site1", "abc", "ca-a.pem");
	start(&b, "b", "site1", "abc", "ca2-b.pem");
	side_dial(&a, "b", 'b');
	expect_down(&a, "its certificate: ");
	ck_assert_uint_eq(a.ups, 0);
	expect_refused(
	    &b, "it does not accept this node's certificate: unknown CA");
}
END_TEST

/* A CA that both trust is not enough. */
START_TEST(another_cluster)
{
	char command[320];

	rig_ca("ca", "site1");
	rig_ca("ca2", "site2");
	rig_identity("ca", "a", time(NULL));
	rig_identity("ca2", "b", time(NULL));
	snprintf(command, sizeof(command),
	    "cd %s && sed -n '/BEGIN CERT/,$p' ca2/ca.pem >>ca-a.pem && "
	    "sed -n '/BEGIN CERT/,$p' ca/ca.pem >>ca2-b.pem",
	    rig_dir);
	ck_assert_int_eq(system(command), 0);
	start(&a, "a", "site1", "abc", "ca-a.pem");
	start(&b, "b", "site2", "abc", "ca2-b.pem");
	side_dial(&a, "b", 'b');
	expect_down(&a, "its certificate is of cluster site2, not of site1");
	ck_assert_uint_eq(a.ups, 0);
	expect_refused(&b, "TLS: ");
	side_dial(&b, "a", 'a');
	expect_down(&b, "its certificate is of cluster site1, not of site2");
}
END_TEST

START_TEST(another_node_than_dialled)
{
	start_both();
	side_dial(&a, "c", 'b');
	expect_down(&a, "its certificate is of node b, not of c");
	ck_assert_uint_eq(a.ups, 0);
	expect_refused(&b, "TLS: ");
}
END_TEST

START_TEST(reflection)
{
	start_both();
	side_dial(&a, "b", 'a');
	expect_down(&a, "its certificate is our own, of node a");
	ck_assert_uint_eq(a.ups, 0);
}
END_TEST

/* A certificate of the cluster does not outlive its node's place in it. */
START_TEST(not_among_the_nodes)
{
	rig_ca("ca", "site1");
	rig_identity("ca", "a", time(NULL));
	rig_identity("ca", "b", time(NULL));
	start(&a, "a", "site1", "ac", "ca-a.pem");
	start(&b, "b", "site1", "ab", "ca-b.pem");
	side_dial(&b, "a", 'a');
	expect_refused(&a, "node b, which is not among cluster.nodes");
	expect_down(&b, "");
}
END_TEST

static void
reconf(struct side *side, const char *cluster, const char *nodes,
    const char *name, const char *error)
{
	struct errmsg why = {""};
	char trust[160];
	struct conf *conf;
	int rc;

	snprintf(trust, sizeof(trust), "identity: %s", rig_path(name));
	conf = rig_conf("a", cluster, nodes, trust);
	rc = peer_net_reconf(side->net, conf, &why);
	ck_assert_int_eq(rc, error == NULL ? 0 : -1);
	ck_assert_str_eq(why.text, error == NULL ? "" : error);
	conf_free(conf);
}

/* Nodes come and go while sessions are up. */
START_TEST(other_nodes)
{
	start_both();
	conf_free(a.conf);
	a.conf = NULL;
	side_dial(&b, "a", 'a');
	UNTIL(a.ups == 1 && b.ups == 1);
	reconf(&a, "site1", "abd", "ca-a.pem", NULL);
	rig_run_ms(30);
	ck_assert_uint_eq(a.downs, 0);
	reconf(&a, "site1", "acd", "ca-a.pem", NULL);
	ck_assert_uint_eq(a.downs, 0);
	expect_down(&a, "node b, which is not among cluster.nodes");
	UNTIL(b.downs == 1);
	side_dial(&b, "a", 'a');
	UNTIL(b.downs == 2);
	ck_assert_uint_eq(a.ups, 1);
	reconf(&a, "site1", "ab", "ca-a.pem", NULL);
	side_dial(&b, "a", 'a');
	UNTIL(a.ups == 2);
	reconf(&a, "site2", "ab", "ca-a.pem",
	    "cluster.name has changed; restart the agent for that");
}
END_TEST

/* The new certificate is of a CA that the other one does not know; then it is
 * one that cannot be read; with a handshake under way each time. */
START_TEST(other_keys)
{
	start_both();
	rig_ca("ca2", "site1");
	rig_identity("ca2", "a", time(NULL));
	side_dial(&b, "a", 'a');
	UNTIL(a.ups == 1 && b.ups == 1);
	side_dial(&a, "b", 'b');
	rig_turn();
	reconf(&a, "site1", "ab", "ca2-a.pem", NULL);
	UNTIL(a.ups == 2 && b.ups == 2);
	side_dial(&b, "a", 'a');
	expect_down(&b, "its certificate: ");
	reconf(&a, "site1", "ab", "none.pem", NULL);
	side_dial(&b, "a", 'a');
	UNTIL(b.downs == 2);
	reconf(&a, "site1", "ab", "ca-a.pem", NULL);
	side_dial(&b, "a", 'a');
	UNTIL(a.ups == 3 && b.ups == 3);
	ck_assert_uint_eq(a.downs, 0);
}
END_TEST

/* The one who called is the one whose certificate is bad: in TLS 1.3 it is up
 * before it hears so. */
START_TEST(expired)
{
	rig_ca("ca", "site1");
	rig_identity("ca", "a", time(NULL));
	rig_identity("ca", "b", time(NULL) - (int64_t)40 * DAY_S);
	start(&a, "a", "site1", "abc", "ca-a.pem");
	start(&b, "b", "site1", "abc", "ca-b.pem");
	side_dial(&b, "a", 'a');
	expect_refused(&a, "its certificate: certificate has expired");
	expect_down(&b, "certificate expired");
	side_dial(&a, "b", 'b');
	expect_down(&a, "its certificate: certificate has expired");
	ck_assert_uint_eq(a.ups, 0);
}
END_TEST

START_TEST(not_yet_valid)
{
	rig_ca("ca", "site1");
	rig_identity("ca", "a", time(NULL));
	rig_identity("ca", "b", time(NULL) + 1000);
	start(&a, "a", "site1", "abc", "ca-a.pem");
	start(&b, "b", "site1", "abc", "ca-b.pem");
	side_dial(&a, "b", 'b');
	expect_down(&a, "its certificate: certificate is not yet valid");
}
END_TEST

START_TEST(psk)
{
	start_psk(&a, "a", KEY1 "\n");
	start_psk(&b, "b", "# the key\n\n" KEY1 "\n");
	side_dial(&a, "b", 'b');
	UNTIL(a.ups + a.downs == 1);
	ck_assert_str_eq(a.why.text, "");
	UNTIL(a.ups == 1 && b.ups == 1);
	ck_assert_str_eq(a.node, "");
	ck_assert_str_eq(b.node, "");
	ck_assert_int_eq(side_send(&a, a.session, 1), 0);
	UNTIL(b.messages == 1);
}
END_TEST

/* The new key is called with by one, and accepted by the other. */
START_TEST(psk_next)
{
	start_psk(&a, "a", KEY1 "\n" KEY2 "\n");
	start_psk(&b, "b", KEY2 "\n" KEY1 "\n");
	side_dial(&a, "b", 'b');
	UNTIL(a.ups == 1 && b.ups == 1);
	side_dial(&b, "a", 'a');
	UNTIL(a.ups == 2 && b.ups == 2);
}
END_TEST

START_TEST(psk_wrong)
{
	start_psk(&a, "a", KEY1 "\n" KEY2 "\n");
	start_psk(&b, "b", KEY3 "\n");
	side_dial(&a, "b", 'b');
	expect_down(&a, "TLS: ");
	ck_assert_uint_eq(a.ups, 0);
	expect_refused(&b, "node a uses a key that is not in the file");
}
END_TEST

START_TEST(psk_reflection)
{
	start_psk(&a, "a", KEY1 "\n");
	start_psk(&b, "b", KEY1 "\n");
	side_dial(&a, "b", 'a');
	expect_down(&a, "TLS: ");
	expect_refused(&a, "it says that it is this node, a");
}
END_TEST

/* Neither has what the other asks for. */
START_TEST(psk_and_certificates)
{
	rig_ca("ca", "site1");
	rig_identity("ca", "a", time(NULL));
	start(&a, "a", "site1", "abc", "ca-a.pem");
	start_psk(&b, "b", KEY1 "\n");
	side_dial(&a, "b", 'b');
	UNTIL(a.downs == 1);
	ck_assert_uint_eq(a.ups, 0);
	expect_refused(&b, "TLS: ");
	side_dial(&b, "a", 'a');
	UNTIL(b.downs == 1);
	ck_assert_uint_eq(b.ups, 0);
	ck_assert_uint_eq(a.ups, 0);
}
END_TEST

static bool old_ended, old_up;

static void
on_old(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev, (void)ctx;
	if (what & BEV_EVENT_CONNECTED)
		old_up = true;
	else
		old_ended = true;
}

START_TEST(tls12)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct bufferevent *bev;

	start_both();
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
	bev = bufferevent_openssl_socket_new(rig_base, rig_raw('a'),
	    SSL_new(ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	ck_assert_ptr_nonnull(bev);
	bufferevent_setcb(bev, NULL, NULL, on_old, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	UNTIL(old_ended);
	ck_assert(!old_up);
	expect_refused(&a, "unsupported protocol");
	bufferevent_free(bev);
	SSL_CTX_free(ctx);
}
END_TEST

START_TEST(no_certificate)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct bufferevent *bev;

	start_both();
	bev = bufferevent_openssl_socket_new(rig_base, rig_raw('a'),
	    SSL_new(ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	ck_assert_ptr_nonnull(bev);
	bufferevent_setcb(bev, NULL, NULL, on_old, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	expect_refused(&a, "peer did not return a certificate");
	bufferevent_free(bev);
	SSL_CTX_free(ctx);
}
END_TEST

START_TEST(not_tls)
{
	int fd;

	start_both();
	fd = rig_raw('a');
	rig_run_ms(20);
	ck_assert_int_eq(write(fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	expect_refused(&a, "TLS: ");
	close(fd);
}
END_TEST

/* More silent ones than there is room for: one who has something to say gets
 * in, and those who have proven something stay. */
START_TEST(silent_sockets)
{
	int fds[3 * PEER_STRANGERS_MAX];
	struct errmsg last;

	start_both();
	side_dial(&b, "a", 'a');
	UNTIL(a.ups == 1);
	for (size_t i = 0; i < 3 * PEER_STRANGERS_MAX; i++)
		fds[i] = rig_raw('a');
	UNTIL(peer_net_refused(a.net, &last) == 2 * PEER_STRANGERS_MAX);
	ck_assert_msg(strstr(last.text, "the oldest from its address") != NULL,
	    "%s", last.text);
	side_dial(&b, "a", 'a');
	UNTIL(a.ups == 2);
	ck_assert_uint_eq(a.downs, 0);
	for (size_t i = 0; i < 3 * PEER_STRANGERS_MAX; i++)
		close(fds[i]);
}
END_TEST

/* A flood from elsewhere drops its own, not the silent one from a node. */
START_TEST(flood_from_elsewhere)
{
	int fds[2 * PEER_STRANGERS_MAX];
	struct errmsg last;
	char c;

	start_both();
	fds[0] = rig_raw('a');
	rig_run_ms(20);
	for (size_t i = 1; i < 2 * PEER_STRANGERS_MAX; i++)
		fds[i] = rig_raw_from('a', "127.254.254.254");
	/* The last ones are too many for one second, if that lasts so long. */
	UNTIL(peer_net_refused(a.net, &last) >= PEER_STRANGERS_MAX);
	ck_assert_ptr_eq(strstr(last.text, "127.254.254.254: too "), last.text);
	rig_run_ms(20);
	ck_assert_int_eq(read(fds[0], &c, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	side_dial(&b, "a", 'a');
	UNTIL(a.ups == 1);
	for (size_t i = 0; i < 2 * PEER_STRANGERS_MAX; i++)
		close(fds[i]);
}
END_TEST

START_TEST(silent_too_long)
{
	int fd;

	rig_times.secure = 50;
	start_both();
	fd = rig_raw('a');
	expect_refused(&a, "TLS was not done in time");
	close(fd);
}
END_TEST

/* Nobody listens there. */
START_TEST(nobody_answers)
{
	start_both();
	side_dial(&a, "c", 'c');
	expect_down(&a, "connect: Connection refused");
	ck_assert_uint_eq(a.ups, 0);
}
END_TEST

START_TEST(closed_before_it_is_up)
{
	uint64_t session;

	start_both();
	session = side_dial(&a, "b", 'b');
	peer_net_close(a.net, session, "a change of mind");
	peer_net_close(a.net, session, "once more");
	rig_run_ms(100);
	ck_assert_uint_eq(a.ups + a.downs, 0);
}
END_TEST

START_TEST(address_in_use)
{
	struct errmsg why;
	struct peer_net *net;

	start_both();
	net = peer_net_new(rig_base, a.conf, NULL, NULL, &why);
	ck_assert_ptr_null(net);
	ck_assert_msg(
	    strstr(why.text, "port 7411: bind: Address already in use") != NULL,
	    "%s", why.text);
}
END_TEST

START_TEST(identity_of_another)
{
	char trust[160];
	struct conf *conf;
	struct errmsg why;

	start_both();
	snprintf(trust, sizeof(trust), "identity: %s", rig_path("ca-b.pem"));
	conf = rig_conf("c", "site1", "abc", trust);
	ck_assert_ptr_null(peer_net_new(rig_base, conf, NULL, NULL, &why));
	ck_assert_msg(strstr(why.text,
			  "the certificate is of node 'b' in cluster 'site1', "
			  "but this is node 'c' in cluster 'site1'") != NULL,
	    "%s", why.text);
	conf_free(conf);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("peer_net");
	TCase *tc = tcase_create("peer_net");

	tcase_add_checked_fixture(tc, rig_setup, teardown);
	tcase_add_test(tc, certificates);
	tcase_add_test(tc, another_ca);
	tcase_add_test(tc, another_cluster);
	tcase_add_test(tc, another_node_than_dialled);
	tcase_add_test(tc, reflection);
	tcase_add_test(tc, not_among_the_nodes);
	tcase_add_test(tc, other_nodes);
	tcase_add_test(tc, other_keys);
	tcase_add_test(tc, expired);
	tcase_add_test(tc, not_yet_valid);
	tcase_add_test(tc, psk);
	tcase_add_test(tc, psk_next);
	tcase_add_test(tc, psk_wrong);
	tcase_add_test(tc, psk_reflection);
	tcase_add_test(tc, psk_and_certificates);
	tcase_add_test(tc, tls12);
	tcase_add_test(tc, no_certificate);
	tcase_add_test(tc, not_tls);
	tcase_add_test(tc, silent_sockets);
	tcase_add_test(tc, flood_from_elsewhere);
	tcase_add_test(tc, silent_too_long);
	tcase_add_test(tc, nobody_answers);
	tcase_add_test(tc, closed_before_it_is_up);
	tcase_add_test(tc, address_in_use);
	tcase_add_test(tc, identity_of_another);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
