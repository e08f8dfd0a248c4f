/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that follows from a replica: what takes part, and what
 * yields, whatever the order in which nodes heard of it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/history.h"
#include "tests/unit/spec_rig.h"
#include "tests/unit/unit.h"

#define S OBJECT_SERVICE
#define B OBJECT_BACKEND
#define N OBJECT_NODE

static void
check_same_view(const struct spec_view *v, const struct spec_view *w)
{
	char *a = print_view(v), *b = print_view(w);

	ck_assert_str_eq(a, b);
	ck_assert_uint_eq(v->n_ignored, w->n_ignored);
	for (size_t i = 0; i < v->n_ignored; i++) {
		ck_assert_str_eq(v->ignored[i].what, w->ignored[i].what);
		ck_assert_str_eq(v->ignored[i].why, w->ignored[i].why);
	}
	free(a);
	free(b);
}

/* Adds an object that `writer` made at `born`, with "name=text" lines; unlike
 * a command, it takes any text. */
static void
put(struct replica *r, uint64_t writer, uint64_t born, enum object_kind kind,
    const char *key, const char *lines)
{
	struct change c = {0};
	struct reg regs[OBJECT_REGS_MAX];
	char copy[1024], *line, *save;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", lines);
	for (line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save), n++) {
		char *text = strchr(line, '=');

		*text++ = '\0';
		regs[n] = (struct reg){
		    (uint16_t)spec_field_find(kind, line, strlen(line)),
		    (uint16_t)strlen(text), {born, writer}, text};
	}
	c.added = object_new(kind,
	    (struct uid){writer, replica_next_seq(r, writer)}, born, key,
	    strlen(key), regs, n);
	ck_assert_int_eq(change_apply(&c, r), DELTA_APPLIED);
	object_unref(c.added);
}

/* One line. */
static void
set(struct replica *r, struct uid uid, uint64_t hlc, const char *line)
{
	const char *text = strchr(line, '=') + 1;
	struct delta_set s = {uid,
	    {(uint16_t)spec_field_find(B, line, (size_t)(text - line - 1)),
		(uint16_t)strlen(text), {hlc, 1}, text}};
	const struct delta d = {.sets = &s, .n_sets = 1, .hlc = hlc};

	ck_assert_int_eq(replica_apply(r, &d), DELTA_APPLIED);
}

static void
add_service(struct replica *r, uint64_t writer, uint64_t born, const char *name,
    const char *vips)
{
	char lines[256];

	snprintf(lines, sizeof(lines), "vips=%s\nports=80,443", vips);
	put(r, writer, born, S, name, lines);
}

static const char *
ignored(const struct spec_view *v, const char *what)
{
	for (size_t i = 0; i < v->n_ignored; i++)
		if (strcmp(v->ignored[i].what, what) == 0)
			return v->ignored[i].why;
	return NULL;
}

static void
check_ignored(const struct spec_view *v, const char *what, const char *why)
{
	const char *said = ignored(v, what);

	ck_assert_msg(said != NULL, "%s takes part", what);
	ck_assert_msg(strstr(said, why) != NULL, "%s", said);
}

static const struct conf_service *
service(const struct spec_view *v, const char *name)
{
	for (size_t i = 0; i < v->conf->n_services; i++)
		if (strcmp(v->conf->services[i].name, name) == 0)
			return &v->conf->services[i];
	return NULL;
}

/* The view of two halves, which must be the same either way round. */
static struct spec_view *
view_of(const struct replica *a, const struct replica *b)
{
	struct conf *local = parse(HEAD " []\n");
	struct replica *ab = merged(a, b), *ba = merged(b, a);
	struct spec_view *v = view(local, ab), *w = view(local, ba);

	check_same_view(v, w);
	spec_view_free(w);
	replica_free(ab);
	replica_free(ba);
	conf_free(local);
	return v;
}

static struct replica *one, *two; /* the halves */

static void
setup(void)
{
	one = replica_new();
	two = replica_new();
}

static void
teardown(void)
{
	replica_free(one);
	replica_free(two);
}

START_TEST(younger_service_yields)
{
	struct spec_view *v;

	add_service(one, 1, 20, "a", "192.0.2.1,192.0.2.9");
	add_service(two, 2, 10, "b", "192.0.2.2,192.0.2.9");
	add_service(two, 2, 30, "c", "192.0.2.3");
	v = view_of(one, two);
	ck_assert_uint_eq(v->conf->n_services, 2);
	ck_assert_ptr_nonnull(service(v, "b"));
	ck_assert_ptr_nonnull(service(v, "c"));
	ck_assert_uint_eq(v->n_ignored, 1);
	check_ignored(
	    v, "service a", "VIP 192.0.2.9, tcp, port 80 is another service's");
	spec_view_free(v);
}
END_TEST

/* Born at once: the uid decides. */
START_TEST(clash_of_one_age)
{
	struct spec_view *v;

	add_service(one, 2, 10, "a", "192.0.2.1");
	add_service(two, 1, 10, "b", "192.0.2.1");
	v = view_of(one, two);
	ck_assert_ptr_nonnull(service(v, "b"));
	check_ignored(v, "service a", "VIP 192.0.2.1");
	spec_view_free(v);
}
END_TEST

/* What has yielded takes no room itself. */
START_TEST(clash_of_three)
{
	struct spec_view *v;

	add_service(one, 1, 10, "a", "192.0.2.1");
	add_service(two, 2, 20, "b", "192.0.2.1,192.0.2.2");
	add_service(two, 2, 30, "c", "192.0.2.2");
	v = view_of(one, two);
	ck_assert_ptr_nonnull(service(v, "a"));
	ck_assert_ptr_null(service(v, "b"));
	ck_assert_ptr_nonnull(service(v, "c"));
	spec_view_free(v);
}
END_TEST

/* Another protocol, another port, or every port is no clash. */
START_TEST(no_clash)
{
	struct spec_view *v;

	put(one, 1, 10, S, "a", "vips=192.0.2.1\nports=80");
	put(one, 1, 20, S, "b", "vips=192.0.2.1\nprotocol=udp\nports=80");
	put(two, 2, 30, S, "c", "vips=192.0.2.1\nports=81");
	put(two, 2, 40, S, "d", "vips=192.0.2.1");
	put(two, 2, 50, S, "e", "vips=192.0.2.1");
	v = view_of(one, two);
	ck_assert_uint_eq(v->conf->n_services, 4);
	check_ignored(v, "service e", "VIP 192.0.2.1, tcp, every port");
	spec_view_free(v);
}
END_TEST

/* In rotation since it was added or its state was set, whichever is later; what
 * came from a file, since long ago. */
START_TEST(since_when)
{
	const uint64_t ms = 1 << 16;
	struct spec_view *v;
	const struct conf_backend *b;

	put(one, 1, 1, S, "a", "vips=192.0.2.1");
	put(one, 1, 1, B, "a 10.0.0.1", "weight=2\nstate=enabled");
	put(one, 1, 5 * ms + 7, B, "a 10.0.0.2", "weight=2");
	put(two, 2, 6 * ms, B, "a 10.0.0.3", "state=enabled");
	set(two, uid_of(two, "a 10.0.0.3"), 9 * ms, "weight=3");
	put(two, 2, 6 * ms, B, "a 10.0.0.4", "state=disabled");
	set(two, uid_of(two, "a 10.0.0.4"), 8 * ms + 1, "state=enabled");
	v = view_of(one, two);
	b = service(v, "a")->backends;
	ck_assert_uint_eq(service(v, "a")->n_backends, 4);
	ck_assert_uint_eq(b[0].since_ms, 0);
	ck_assert_uint_eq(b[1].since_ms, 5);
	ck_assert_uint_eq(b[2].since_ms, 6);
	ck_assert_uint_eq(b[2].weight, 3);
	ck_assert_uint_eq(b[3].since_ms, 8);
	spec_view_free(v);
}
END_TEST

/* Both halves add one thing: the last born counts, once. */
START_TEST(duplicates_by_key)
{
	struct spec_view *v;

	add_service(one, 1, 10, "a", "192.0.2.1");
	put(one, 1, 11, B, "a 10.0.0.1", "weight=1");
	add_service(two, 2, 20, "a", "192.0.2.2");
	put(two, 2, 9, B, "a 10.0.0.1", "weight=2");
	put(two, 3, 11, B, "a 10.0.0.1", "weight=3");
	v = view_of(one, two);
	ck_assert_uint_eq(v->conf->n_services, 1);
	ck_assert_uint_eq(v->n_ignored, 0);
	ck_assert_uint_eq(service(v, "a")->vips[0].bytes[15], 2);
	ck_assert_uint_eq(service(v, "a")->n_backends, 1);
	ck_assert_uint_eq(service(v, "a")->backends[0].weight, 3);
	spec_view_free(v);
}
END_TEST

/* Nodes whose files differ: all of both, each key once. */
START_TEST(two_files)
{
	struct conf *c = parse(
	    HEAD "- {name: a, vips: [192.0.2.1], protocol: tcp, backends: [\n"
		 "   {address: 10.0.0.1}, {address: 10.0.0.2}]}\n");
	struct conf *d = parse(
	    HEAD "- {name: a, vips: [192.0.2.1], protocol: tcp, backends: [\n"
		 "   {address: 10.0.0.2, weight: 2}]}\n"
		 "- {name: b, vips: [192.0.2.2], protocol: tcp, backends: [\n"
		 "   {address: 10.0.0.3}]}\n");
	struct replica *r = import(c), *s = import(d);
	struct spec_view *v = view_of(r, s);

	ck_assert_uint_eq(v->n_ignored, 0);
	ck_assert_uint_eq(v->conf->n_services, 2);
	ck_assert_uint_eq(service(v, "a")->n_backends, 2);
	ck_assert_uint_eq(service(v, "b")->n_backends, 1);
	spec_view_free(v);
	replica_free(r);
	replica_free(s);
	conf_free(c);
	conf_free(d);
}
END_TEST

START_TEST(backend_is_a_vip)
{
	struct spec_view *v;

	add_service(one, 1, 30, "a", "192.0.2.1,10.0.0.1");
	add_service(one, 1, 40, "b", "192.0.2.1"); /* yields */
	put(two, 2, 10, B, "a 10.0.0.1", "");
	put(two, 2, 11, B, "a 10.0.0.2", "");
	put(two, 2, 12, B, "a 10.0.0.3", "");
	v = view_of(one, two);
	ck_assert_uint_eq(service(v, "a")->n_backends, 2);
	ck_assert_uint_eq(v->n_ignored, 2);
	check_ignored(v, "backend a 10.0.0.1", "its address is a VIP");
	spec_view_free(v);
}
END_TEST

START_TEST(backends_left_without_service)
{
	struct change drop = {.removed = true};
	struct spec_view *v;

	add_service(one, 1, 10, "a", "192.0.2.1");
	put(two, 2, 20, B, "a 10.0.0.1", "");
	put(two, 2, 20, B, "b 10.0.0.1", "");
	v = view_of(one, two);
	ck_assert_uint_eq(service(v, "a")->n_backends, 1);
	check_ignored(v, "backend b 10.0.0.1", "its service takes no part");
	spec_view_free(v);
	drop.uid = uid_of(one, "a");
	change_apply(&drop, one);
	v = view_of(one, two);
	ck_assert_uint_eq(v->conf->n_services, 0);
	check_ignored(v, "backend a 10.0.0.1", "its service takes no part");
	spec_view_free(v);
}
END_TEST

/* The oldest stay. */
START_TEST(table_too_small)
{
	struct spec_view *v;
	char key[64];

	put(one, 1, 10, S, "a", "vips=192.0.2.1\ntable_size=256");
	put(one, 1, 11, S, "b", "vips=192.0.2.2");
	for (unsigned i = 0; i < 258; i++) {
		snprintf(key, sizeof(key), "a 10.0.%u.%u", i / 200,
		    1 + (i * 7) % 200);
		put(i % 2 == 0 ? one : two, i % 2 == 0 ? 1 : 2, 1000 - i, B,
		    key, "");
	}
	put(two, 2, 5000, B, "b 10.0.0.1", "");
	v = view_of(one, two);
	ck_assert_uint_eq(service(v, "a")->n_backends, 256);
	ck_assert_uint_eq(service(v, "b")->n_backends, 1);
	ck_assert_uint_eq(v->n_ignored, 2);
	check_ignored(v, "backend a 10.0.0.1", "table_size is too small");
	check_ignored(v, "backend a 10.0.0.8", "table_size is too small");
	spec_view_free(v);
}
END_TEST

/* Texts and keys that no command lets pass, but another version may. */
static const struct {
	enum object_kind kind;
	const char *key, *lines, *what, *why;
} bad[] = {
    {S, "a", "vips=192.0.2.", "service a", "vips must be IPv4"},
    {S, "a", "vips=192.0.2.7\ncheck=tcp", "service a", "check cannot be"},
    {S, "a", "", "service a", "it has no vips"},
    {S, "a b", "vips=192.0.2.7", "service a b", "no valid name"},
    {S, "a%", "vips=192.0.2.7", "service a%", "no valid name"},
    {S, "a", "vips=192.0.2.7\nprotocol=%s", "service a", "got '%s'"},
    {B, "web 10.1.0.1", "weight=0", "backend web 10.1.0.1", "weight must"},
    {B, "web 10.1.0.01", "", "backend web 10.1.0.01", "no valid key"},
    {B, "web 2001:DB8::1", "", "backend web 2001:DB8::1", "no valid key"},
    {B, "web  10.1.0.1", "", "backend web  10.1.0.1", "no valid key"},
    {B, "web 10.1.0.1 ", "", "backend web 10.1.0.1 ", "no valid key"},
    {B, "web 127.0.0.1", "", "backend web 127.0.0.1", "no valid key"},
    {B, "web", "", "backend web", "no valid key"},
    {B, " 10.1.0.1", "", "backend  10.1.0.1", "no valid key"},
};

START_TEST(what_cannot_be_read)
{
	struct spec_view *v;

	put(one, 1, 10, S, "web", "vips=192.0.2.1");
	put(one, 1, 11, B, "web 10.1.0.9", "");
	put(two, 2, 5, bad[_i].kind, bad[_i].key, bad[_i].lines);
	v = view_of(one, two);
	ck_assert_uint_eq(v->conf->n_services, 1);
	ck_assert_uint_eq(service(v, "web")->n_backends, 1);
	ck_assert_uint_eq(v->n_ignored, 1);
	check_ignored(v, bad[_i].what, bad[_i].why);
	spec_view_free(v);
}
END_TEST

START_TEST(unknown_fields_and_nodes_are_no_matter)
{
	struct reg late = {900, 1, {50, 1}, "?"};
	struct change set;
	struct spec_view *v;

	add_service(one, 1, 10, "a", "192.0.2.1");
	put(two, 2, 10, N, "lb", "state=draining");
	set = (struct change){.uid = uid_of(one, "a"), .set = late};
	ck_assert_int_eq(change_apply(&set, one), DELTA_APPLIED);
	v = view_of(one, two);
	ck_assert_uint_eq(v->conf->n_services, 1);
	ck_assert_uint_eq(v->n_ignored, 0);
	spec_view_free(v);
}
END_TEST

START_TEST(defaults_are_those_of_the_file)
{
	struct conf *c = parse(
	    HEAD "- {name: a, vips: [192.0.2.1], protocol: tcp,\n"
		 "   announce_min: 5, backends: [{address: 10.0.0.1}]}\n");
	char *file = conf_print(c), *seen;
	struct spec_view *v;

	put(one, 1, 10, S, "a", "vips=192.0.2.1\nannounce_min=5");
	put(one, 1, 11, B, "a 10.0.0.1", "");
	v = view(c, one);
	seen = print_view(v);
	ck_assert_str_eq(file, seen);
	free(file);
	free(seen);
	spec_view_free(v);
	conf_free(c);
}
END_TEST

START_TEST(limit_of_services)
{
	struct spec_view *v;
	char name[16], lines[64];

	for (unsigned i = 0; i < FORWARDING_MAX_SERVICES + 2; i++) {
		snprintf(name, sizeof(name), "s%04u", i);
		snprintf(lines, sizeof(lines), "vips=10.8.%u.%u", i / 250,
		    1 + i % 250);
		put(one, 1, 5000 - i, S, name, lines);
	}
	v = view_of(one, two);
	ck_assert_uint_eq(v->conf->n_services, FORWARDING_MAX_SERVICES);
	ck_assert_uint_eq(v->n_ignored, 2);
	check_ignored(v, "service s0000", "there are 1024 services already");
	check_ignored(v, "service s0001", "there are 1024 services already");
	spec_view_free(v);
}
END_TEST

/* 64 ports on 16 VIPs, four times, are as many endpoints as there may be. */
START_TEST(limit_of_endpoints)
{
	struct spec_view *v;
	char lines[1024], name[] = "a";

	for (unsigned i = 0; i < 5; i++) {
		size_t n = (size_t)sprintf(lines, "vips=");

		for (unsigned j = 0; j < (i < 4 ? 16 : 1); j++)
			n += (size_t)sprintf(&lines[n], "%s10.8.%u.%u",
			    j > 0 ? "," : "", i, 1 + j);
		n += (size_t)sprintf(&lines[n], "\nports=1");
		for (unsigned j = 1; j < (i < 4 ? 64 : 1); j++)
			n += (size_t)sprintf(&lines[n], ",%u", 1 + j);
		put(one, 1, 10 + i, S, name, lines);
		name[0]++;
	}
	v = view_of(one, two);
	ck_assert_uint_eq(v->conf->n_services, 4);
	check_ignored(v, "service e", "more than 4096 endpoints");
	spec_view_free(v);
}
END_TEST

/* Random histories: every node comes to the same view, and on the way there is
 * none that could not be served. */
START_TEST(view_of_a_history)
{
	static struct history h;
	struct conf *local = parse(HEAD " []\n");
	struct spec_view *first, *v;

	history_init(&h, (uint64_t)_i, _i % 2 == 1);
	for (int i = 0; i < 300; i++) {
		history_step(&h);
		if (i % 20 == 0)
			spec_view_free(view(local, h.nodes[0].replica));
	}
	history_heal(&h);
	first = view(local, h.nodes[0].replica);
	for (size_t i = 1; i < HISTORY_NODES; i++) {
		v = view(local, h.nodes[i].replica);
		check_same_view(v, first);
		spec_view_free(v);
	}
	spec_view_free(first);
	history_clear(&h);
	conf_free(local);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("spec_view");
	TCase *tc = tcase_create("view");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, younger_service_yields);
	tcase_add_test(tc, clash_of_one_age);
	tcase_add_test(tc, clash_of_three);
	tcase_add_test(tc, no_clash);
	tcase_add_test(tc, since_when);
	tcase_add_test(tc, duplicates_by_key);
	tcase_add_test(tc, two_files);
	tcase_add_test(tc, backend_is_a_vip);
	tcase_add_test(tc, backends_left_without_service);
	tcase_add_test(tc, table_too_small);
	tcase_add_loop_test(tc, what_cannot_be_read, 0, ROWS(bad));
	tcase_add_test(tc, unknown_fields_and_nodes_are_no_matter);
	tcase_add_test(tc, defaults_are_those_of_the_file);
	tcase_add_test(tc, limit_of_services);
	tcase_add_test(tc, limit_of_endpoints);
	tcase_add_loop_test(tc, view_of_a_history, 0, 40);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
