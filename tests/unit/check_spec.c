/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mono.h"
#include "tests/unit/history.h"
#include "tests/unit/spec_rig.h"
#include "tests/unit/unit.h"

/* By name, and backends by address: as the view has them. */
#define DNS \
	"- {name: dns, vips: [203.0.113.20, \"2001:db8::20\"], protocol: " \
	"udp,\n" \
	"   check: {type: dns, port: 53, host: example.net}, panic: 0,\n" \
	"   backends: [{address: 10.1.0.1, state: draining},\n" \
	"              {address: \"2001:db8:1::1\", state: disabled}]}\n"
#define WEB \
	"- {name: web, vips: [203.0.113.10], protocol: tcp, ports: [443, " \
	"80],\n" \
	"   settle_time: 60, udp_learn: 5, tcp_idle: 9, udp_idle: 8,\n" \
	"   on_down: keep, slow_start: 11,\n" \
	"   table_size: 256, oversize: refuse, announce_min: 2,\n" \
	"   announce_again: 3, check: {type: https, host: a.example.net,\n" \
	"     path: /h, status: 204, insecure: true, interval: 0.5}, panic: " \
	"7,\n" \
	"   backends: [{address: 10.1.0.1, weight: 65535},\n" \
	"              {address: 10.1.0.2}]}\n" \
	"- {name: zero, vips: [203.0.113.30], protocol: tcp, announce_min: " \
	"0,\n" \
	"   check: {type: udp, port: 9, send: \"ab%\\\" c\", expect: x},\n" \
	"   backends: []}\n"

static struct arena *arena;

static void
setup(void)
{
	arena = arena_new();
}

static void
teardown(void)
{
	arena_free(arena);
}

/* Fields. */

#define S         OBJECT_SERVICE
#define B         OBJECT_BACKEND
#define N         OBJECT_NODE
#define TCP_CHECK "tcp port=80 interval=2000 timeout=1000 rise=2 fall=3"

/* canonical: NULL: not a text that the field can have, and `why` says this. */
static const struct {
	enum object_kind kind;
	const char *line, *canonical, *why;
} texts[] = {
    {S, "vips=203.0.113.10", "203.0.113.10", NULL},
    {S, "vips=2001:DB8:0::1, 203.0.113.10", "2001:db8::1,203.0.113.10", NULL},
    {S, "vips=", NULL, "got ''"},
    {S, "vips=203.0.113.10,", NULL, "got ''"},
    {S, "vips=203.0.113.10 ,203.0.113.11", NULL, "got '203.0.113.10 '"},
    {S, "vips=203.0.113.10,203.0.113.10", NULL, "must not have 203.0.113.10"},
    {S, "vips=2001:db8::1,2001:DB8::1", NULL, "must not have 2001:DB8::1"},
    {S, "vips=127.0.0.1", NULL, "got '127.0.0.1'"},
    {S, "vips=224.0.0.1", NULL, "got '224.0.0.1'"},
    {S, "vips=fe80::1", NULL, "got 'fe80::1'"},
    {S, "vips=::ffff:10.0.0.1", NULL, "got '::ffff:10.0.0.1'"},
    {S, "vips=10.0.0.0/24", NULL, "got '10.0.0.0/24'"},
    {S, "protocol=tcp", "tcp", NULL},
    {S, "protocol=udp", "udp", NULL},
    {S, "protocol=TCP", NULL, "protocol must be tcp or udp, got 'TCP'"},
    {S, "protocol=", NULL, "got ''"},
    {S, "ports=80,443", "80,443", NULL},
    {S, "ports=0080, 1,65535", "80,1,65535", NULL},
    {S, "ports=", "", NULL},
    {S, "ports=0", NULL, "got '0'"},
    {S, "ports=65536", NULL, "got '65536'"},
    {S, "ports=80,", NULL, "got ''"},
    {S, "ports=,80", NULL, "got ''"},
    {S, "ports= ", NULL, "got ''"},
    {S, "ports=-1", NULL, "got '-1'"},
    {S, "ports=80-90", NULL, "got '80-90'"},
    {S, "ports=80,080", NULL, "must not have 80 twice"},
    {S, "ports=4294967376", NULL, "got '4294967376'"},
    {S, "table_size=256", "256", NULL},
    {S, "table_size=1048576", "1048576", NULL},
    {S, "table_size=128", NULL, "got '128'"},
    {S, "table_size=2097152", NULL, "got '2097152'"},
    {S, "table_size=257", NULL, "a power of two"},
    {S, "table_size=", NULL, "got ''"},
    {S, "table_size=+256", NULL, "got '+256'"},
    {S, "oversize=refuse", "refuse", NULL},
    {S, "oversize=fragment", "fragment", NULL},
    {S, "oversize=drop", NULL, "fragment or refuse, got 'drop'"},
    {S, "announce_min=0", "0", NULL},
    {S, "announce_min=65535", "65535", NULL},
    {S, "announce_min=65536", NULL, "got '65536'"},
    {S, "announce_again=0", "0", NULL},
    {S, "announce_again=1x", NULL, "got '1x'"},
    {S, "check=none", "none", NULL},
    {S, "check=" TCP_CHECK, TCP_CHECK, NULL},
    {S, "check=tcp", NULL, "check cannot be that: port must be 1..65535"},
    {S, "check=tcp port=80", TCP_CHECK, NULL},
    {S, "check=icmp interval=500",
	"icmp interval=500 timeout=250 rise=2 fall=3", NULL},
    {S, "check=http  status=200 port=80",
	"http port=80 path=/ status=200-200 interval=2000 timeout=1000 rise=2 "
	"fall=3",
	NULL},
    {S, "check=", NULL, "is unknown"},
    {S, "check=none\xc3\xbc", NULL, "not printable"},
    {S, "panic=0", "0", NULL},
    {S, "panic=100", "100", NULL},
    {S, "panic=101", NULL, "panic must be 0..100 per cent, got '101'"},
    {S, "settle_time=0", "0", NULL},
    {S, "settle_time=86400", "86400", NULL},
    {S, "settle_time=86401", NULL, "must be 0..86400 seconds, got '86401'"},
    {S, "udp_learn=0", "0", NULL},
    {S, "udp_learn=1m", NULL, "got '1m'"},
    {S, "tcp_idle=0", NULL, "must be 1..86400 seconds, got '0'"},
    {S, "tcp_idle=1", "1", NULL},
    {S, "udp_idle=0", NULL, "must be 1..86400 seconds, got '0'"},
    {S, "udp_idle=07", "7", NULL},
    {S, "slow_start=0", "0", NULL},
    {S, "slow_start=3600", "3600", NULL},
    {S, "slow_start=3601", NULL,
	"slow_start must be 0..3600 seconds, got '3601'"},
    {S, "slow_start=", NULL, "got ''"},
    {S, "on_down=reset", "reset", NULL},
    {S, "on_down=keep", "keep", NULL},
    {S, "on_down=", NULL, "must be reset or keep, got ''"},
    {S, "weight=1", NULL, "a service has no 'weight'"},
    {S, "vips", NULL, "'vips': give each as KEY=VALUE"},
    {S, "=80", NULL, "a service has no ''"},
    {S, "vip=203.0.113.10", NULL, "a service has no 'vip'"},
    {B, "weight=1", "1", NULL},
    {B, "weight=065535", "65535", NULL},
    {B, "weight=0", NULL, "to take nothing new: draining"},
    {B, "weight=65536", NULL, "got '65536'"},
    {B, "state=enabled", "enabled", NULL},
    {B, "state=draining", "draining", NULL},
    {B, "state=disabled", "disabled", NULL},
    {B, "state=active", NULL, "enabled, draining or disabled, got 'active'"},
    {B, "ports=80", NULL, "a backend has no 'ports'"},
    {N, "state=active", "active", NULL},
    {N, "state=forced", "forced", NULL},
    {N, "state=draining", "draining", NULL},
    {N, "state=enabled", NULL,
	"must be active, draining or forced, got 'enabled'"},
    {N, "weight=1", NULL, "a node has no 'weight'"},
};

START_TEST(text_of_a_field)
{
	const char *canonical = texts[_i].canonical;
	struct reg regs[OBJECT_REGS_MAX], again[OBJECT_REGS_MAX];
	struct errmsg why = {""};
	char line[256];
	int n = spec_read(texts[_i].kind, texts[_i].line, regs, arena, &why);

	if (canonical == NULL) {
		ck_assert_int_eq(n, -1);
		ck_assert_msg(
		    strstr(why.text, texts[_i].why) != NULL, "%s", why.text);
		return;
	}
	ck_assert_msg(n == 1, "%s", why.text);
	ck_assert_str_eq(regs[0].text, canonical);
	ck_assert_uint_eq(regs[0].len, strlen(canonical));
	ck_assert(reg_valid(&regs[0]));
	/* The canonical form is read as itself. */
	snprintf(line, sizeof(line), "%s=%s",
	    spec_field_name(texts[_i].kind, regs[0].field), canonical);
	n = spec_read(texts[_i].kind, line, again, arena, &why);
	ck_assert_int_eq(n, 1);
	ck_assert_str_eq(again[0].text, canonical);
}
END_TEST

START_TEST(several_fields)
{
	struct reg regs[OBJECT_REGS_MAX];
	struct errmsg why = {""};

	ck_assert_int_eq(
	    spec_read(S, "panic=5\nvips=192.0.2.1\nports=", regs, arena, &why),
	    3);
	ck_assert_uint_eq(regs[0].field, SPEC_VIPS);
	ck_assert_uint_eq(regs[1].field, SPEC_PORTS);
	ck_assert_uint_eq(regs[2].field, SPEC_PANIC);
	ck_assert_str_eq(regs[2].text, "5");
	ck_assert_uint_eq(regs[2].stamp.hlc, 0);
	ck_assert_int_eq(spec_read(S, "", regs, arena, &why), 0);
	ck_assert_int_eq(spec_read(N, "\n", regs, arena, &why), 0);
	ck_assert_int_eq(
	    spec_read(S, "panic=5\npanic=5\n", regs, arena, &why), -1);
	ck_assert_str_eq(why.text, "panic is given twice");
	ck_assert_int_eq(spec_read(S, "panic=5\nx=", regs, arena, &why), -1);
}
END_TEST

/* A list as long as a register, and one that is longer in canonical form. */
START_TEST(lists_at_the_limit)
{
	struct reg regs[OBJECT_REGS_MAX];
	struct errmsg why = {""};
	static char text[1 << 18];
	size_t n = 0;

	n = (size_t)sprintf(text, "ports=");
	for (int i = 0; i < FORWARDING_MAX_ENDPOINTS; i++)
		n += (size_t)sprintf(&text[n], "%s%d", i > 0 ? "," : "", i + 1);
	ck_assert_int_eq(spec_read(S, text, regs, arena, &why), 1);
	ck_assert_str_eq(regs[0].text, &text[6]);
	sprintf(&text[n], ",%d", FORWARDING_MAX_ENDPOINTS + 1);
	ck_assert_int_eq(spec_read(S, text, regs, arena, &why), -1);
	ck_assert_str_eq(why.text, "ports must be at most 4096, got 4097");
	n = (size_t)sprintf(text, "vips=");
	for (int i = 0; i < 2000; i++)
		n += (size_t)sprintf(&text[n], "%s2001:db8:1234:5678::%x",
		    i > 0 ? "," : "", i + 1);
	ck_assert_int_eq(spec_read(S, text, regs, arena, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "at most 32768 bytes"));
}
END_TEST

START_TEST(names_of_fields)
{
	ck_assert_int_eq(spec_field_find(S, "vips", 4), SPEC_VIPS);
	ck_assert_int_eq(spec_field_find(S, "vips=", 4), SPEC_VIPS);
	ck_assert_int_eq(spec_field_find(S, "vips", 3), SPEC_NONE);
	ck_assert_int_eq(spec_field_find(B, "vips", 4), SPEC_NONE);
	ck_assert_int_eq(spec_field_find(B, "state", 5), SPEC_STATE);
	ck_assert_int_eq(spec_field_find(N, "state", 5), SPEC_STATE);
	ck_assert_int_eq(spec_field_find(S, "", 0), SPEC_NONE);
	ck_assert_ptr_null(spec_field_name(S, SPEC_STATE));
	ck_assert_ptr_null(spec_field_name(S, 900));
	for (uint16_t f = 0; f <= OBJECT_FIELD_MAX; f++) {
		const char *name = spec_field_name(S, f);

		if (name != NULL)
			ck_assert_int_eq(
			    spec_field_find(S, name, strlen(name)), f);
	}
}
END_TEST

/* A command may name any service: the key is then one that is not found. */
START_TEST(key_of_a_backend)
{
	char name[OBJECT_KEY_MAX * 2];
	struct addr addr;
	char *key;

	ck_assert_int_eq(addr_parse(&addr, "2001:DB8::1"), 0);
	ck_assert_str_eq(
	    spec_backend_key(arena, "web", &addr), "web 2001:db8::1");
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	key = spec_backend_key(arena, name, &addr);
	ck_assert_uint_eq(strlen(key), sizeof(name) + strlen("2001:db8::1"));
}
END_TEST

/* From file to replica to configuration. */

static const char *const files[] = {
    HEAD " []\n",
    HEAD DNS WEB,
    HEAD "- {name: a, vips: [192.0.2.1], protocol: tcp, backends: []}\n",
    "cluster: {seed: 000102030405060708090a0b0c0d0e0f}\nservices:\n" DNS,
    "node: {name: lb}\n"
    "cluster: {seed: 000102030405060708090a0b0c0d0e0f, name: c,\n"
    "          identity: /etc/id, nodes: [{name: lb, address: 10.0.0.1}]}\n"
    "services:\n" WEB,
    "node: {name: lb}\n"
    "cluster: {seed: 000102030405060708090a0b0c0d0e0f, name: c,\n"
    "          psk: /etc/psk, nodes: [{name: lb, address: 10.0.0.1}]}\n"
    "services:\n" WEB,
};

START_TEST(import_and_view_give_the_file)
{
	struct conf *c = parse(files[_i]);
	struct replica *r = import(c);
	struct spec_view *v = view(c, r);
	char *file = conf_print(c), *seen = print_view(v);

	ck_assert_str_eq(file, seen);
	ck_assert_uint_eq(v->n_ignored, 0);
	conf_free(c); /* the view is on its own */
	free(seen);
	seen = print_view(v);
	ck_assert_str_eq(file, seen);
	free(file);
	free(seen);
	spec_view_free(v);
	spec_view_free(NULL);
	replica_free(r);
}
END_TEST

static struct replica *
import_text(const char *text)
{
	struct conf *c = parse(text);
	struct replica *r = import(c);

	conf_free(c);
	return r;
}

static struct conf *
large_conf(int n_services, int n_backends)
{
	char *text = NULL;
	struct conf *c;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fputs(HEAD, f);
	for (int i = 0; i < n_services; i++) {
		fprintf(f,
		    "- name: s%04d\n  vips: [192.0.%d.%d]\n  protocol: tcp\n"
		    "  ports: [80]\n  check: {type: tcp}\n  backends:\n",
		    i, 2 + i / 250, 1 + i % 250);
		for (int j = 0; j < n_backends; j++)
			fprintf(f, "  - {address: 10.%d.%d.%d, weight: %d}\n",
			    1 + i % 8, j / 250, 1 + j % 250, 1 + j);
	}
	fclose(f);
	c = parse(text);
	free(text);
	return c;
}

/* No bound is asserted on time: machines differ. */
START_TEST(large_file)
{
	struct conf *c = large_conf(100, 100);
	struct mono t[4];
	struct replica *r;
	struct spec_view *v;
	char *file = conf_print(c), *seen;

	t[0] = mono_now();
	r = import(c);
	t[1] = mono_now();
	v = spec_view(c, r);
	t[2] = mono_now();
	seen = print_view(v);
	ck_assert_str_eq(file, seen);
	ck_assert_uint_eq(r->n_live, 10100);
	printf("# 10000 backends: import %.1f ms, view %.1f ms\n",
	    (double)(t[1].us - t[0].us) / 1000,
	    (double)(t[2].us - t[1].us) / 1000);
	free(file);
	free(seen);
	spec_view_free(v);
	replica_free(r);
	conf_free(c);
}
END_TEST

START_TEST(file_too_large)
{
	struct conf *c = large_conf(20, 1000);
	char name[] = "site1";
	struct errmsg why = {""};

	ck_assert_ptr_null(spec_import(c, &why));
	ck_assert_ptr_nonnull(strstr(why.text, "20020 objects"));
	/* Only where a cluster could begin with it. */
	c->cluster.name = NULL;
	ck_assert_int_eq(spec_check(c, &why), 0);
	c->cluster.name = name;
	why.text[0] = '\0';
	ck_assert_int_eq(spec_check(c, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "20020 objects"));
	ck_assert_ptr_eq(strstr(why.text, c->path), why.text);
	conf_free(c);
}
END_TEST

/* In whatever order it lists them; any other file has another writer. */
START_TEST(one_file_one_writer)
{
	static const char *const order = HEAD
	    "- {name: b, vips: [192.0.2.2], protocol: tcp, backends: [\n"
	    "   {address: 10.0.0.2}, {address: 10.0.0.1, weight: 1}]}\n"
	    "- {name: a, vips: [192.0.2.1], protocol: tcp, panic: 25,\n"
	    "   backends: []}\n";
	static const char *const same = HEAD
	    "- {name: a, vips: [192.0.2.1], protocol: tcp, backends: []}\n"
	    "- {name: b, vips: [192.0.2.2], protocol: tcp, backends: [\n"
	    "   {address: 10.0.0.1}, {address: 10.0.0.2}]}\n";
	static const char *const other = HEAD
	    "- {name: a, vips: [192.0.2.1], protocol: tcp, backends: []}\n"
	    "- {name: b, vips: [192.0.2.2], protocol: tcp, backends: [\n"
	    "   {address: 10.0.0.1}, {address: 10.0.0.2, weight: 2}]}\n";
	struct replica *r = import_text(order), *s = import_text(same);
	struct replica *t = import_text(other);
	struct errmsg why;

	ck_assert_str_eq(hex_digest(r).text, hex_digest(s).text);
	ck_assert_int_eq(replica_merge(r, s, &why), 0);
	ck_assert_uint_eq(r->n_vv, 1);
	ck_assert_uint_eq(t->n_vv, 1);
	ck_assert_uint_ne(r->vv[0].writer, t->vv[0].writer);
	ck_assert_uint_ne(
	    r->live[0]->regs[0].stamp.writer, t->live[0]->regs[0].stamp.writer);
	replica_free(r);
	replica_free(s);
	replica_free(t);
}
END_TEST

static bool
has(const struct replica *r, const char *key)
{
	for (size_t i = 0; i < r->n_live; i++)
		if (strcmp(r->live[i]->key, key) == 0)
			return true;
	return false;
}

/* A node loses its state, reads its file again and meets the others: what has
 * been removed does not come back, what has been set stays set. */
START_TEST(import_after_losing_state)
{
	struct replica *kept = import_text(HEAD DNS WEB), *lost;
	struct change drop = {
	    .uid = uid_of(kept, "web 10.1.0.2"), .removed = true};
	struct change set = {.uid = uid_of(kept, "web 10.1.0.1"),
	    .set = {SPEC_WEIGHT, 1, {replica_tick(kept, 1), 5}, "9"}};
	struct replica *a, *b;

	ck_assert_int_eq(change_apply(&drop, kept), DELTA_APPLIED);
	ck_assert_int_eq(change_apply(&set, kept), DELTA_APPLIED);
	lost = import_text(HEAD DNS WEB);
	ck_assert(has(lost, "web 10.1.0.2"));
	a = merged(kept, lost);
	b = merged(lost, kept);
	ck_assert_str_eq(hex_digest(a).text, hex_digest(kept).text);
	ck_assert_str_eq(hex_digest(b).text, hex_digest(kept).text);
	ck_assert(!has(b, "web 10.1.0.2"));
	ck_assert_str_eq(
	    object_get(replica_find(b, set.uid), SPEC_WEIGHT)->text, "9");
	replica_free(kept);
	replica_free(lost);
	replica_free(a);
	replica_free(b);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("spec");
	TCase *tc = tcase_create("fields");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, text_of_a_field, 0, ROWS(texts));
	tcase_add_test(tc, several_fields);
	tcase_add_test(tc, lists_at_the_limit);
	tcase_add_test(tc, names_of_fields);
	tcase_add_test(tc, key_of_a_backend);
	suite_add_tcase(s, tc);
	tc = tcase_create("file");
	tcase_add_loop_test(tc, import_and_view_give_the_file, 0, ROWS(files));
	tcase_add_test(tc, large_file);
	tcase_add_test(tc, file_too_large);
	tcase_add_test(tc, one_file_one_writer);
	tcase_add_test(tc, import_after_losing_state);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
