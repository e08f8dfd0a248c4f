/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from what all nodes observe: small cases as tables, large ones
 * against a model that searches where the module merges. */
#include "config.h"

#include "agent/core/votes.h"

#include <string.h>

#include "tests/unit/unit.h"

#define MAX_BACKENDS 16
#define MAX_RECORDS  8

static struct addr
backend(uint32_t n)
{
	struct addr a;
	const uint8_t bytes[4] = {
	    10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	ck_assert_int_eq(addr_from_bytes(&a, bytes, 4), 0);
	return a;
}

static enum health
health(char letter)
{
	return letter == 'U' ? HEALTH_UP
	    : letter == 'D'  ? HEALTH_DOWN
			     : HEALTH_UNKNOWN;
}

static char
letter(enum health h)
{
	return h == HEALTH_UP ? 'U' : h == HEALTH_DOWN ? 'D' : '?';
}

static enum intent
intent(char letter)
{
	return letter == 'e' ? INTENT_ENABLED
	    : letter == 'r'  ? INTENT_DRAINING
			     : INTENT_DISABLED;
}

/* One service "web" on 10.0.0.1 .. and one observer a row, with a letter a
 * backend. */
static struct conf_backend backends[MAX_BACKENDS];
static char web_name[] = "web";
static struct conf_service web;
static struct conf conf;
static struct votes_entry entries[MAX_RECORDS][MAX_BACKENDS];
static struct votes_record records[MAX_RECORDS];
static struct votes *votes;

static void
count(const char *intents, uint8_t panic_percent, const char *const *observers)
{
	size_t n = strlen(intents), n_records = 0;

	web = (struct conf_service){.name = web_name,
	    .backends = backends,
	    .n_backends = n,
	    .check = {.kind = CHECK_TCP, .port = 80},
	    .panic_percent = panic_percent};
	conf = (struct conf){.services = &web, .n_services = 1};
	for (size_t i = 0; i < n; i++)
		backends[i] = (struct conf_backend){
		    .addr = backend((uint32_t)i + 1),
		    .weight = 1,
		    .intent = intent(intents[i])};
	for (; n_records < MAX_RECORDS && observers[n_records] != NULL;
	     n_records++) {
		for (size_t i = 0; i < n; i++)
			entries[n_records][i] = (struct votes_entry){"web",
			    backends[i].addr, health(observers[n_records][i])};
		records[n_records] = (struct votes_record){
		    entries[n_records], n};
	}
	votes = votes_count(&conf, records, n_records);
	ck_assert_ptr_nonnull(votes);
}

static void
teardown(void)
{
	votes_free(votes);
	votes = NULL;
}

static const struct {
	const char *intents;
	uint8_t panic_percent;
	const char *observers[MAX_RECORDS];
	const char *verdicts;
	bool panic;
} cases[] = {
    /* The vote. */
    {"eeee", 25, {"UDU?", NULL}, "UDU?", false},
    {"eeee", 25, {NULL}, "????", false},
    {"eeee", 25, {"UU?U", "UD?D", "UD?D"}, "UD?D", false},
    {"eeee", 25, {"UUUU", "UD?U"}, "UUUU", false}, /* ties */
    {"eee", 0, {"UDD", "DUD", "DDD"}, "DDD", false},
    {"eee", 0, {"U??", "?U?", "??D", "???"}, "UUD", false},
    {"eee", 0, {"UUU", "DDD", "UUU", "DDD"}, "UUU", false},
    /* Panic: never, or at zero UP at least. */
    {"eeee", 0, {"DDDD"}, "DDDD", false},
    {"eeee", 1, {"DDDD"}, "UUUU", true},
    {"eeee", 25, {"DDDD"}, "UUUU", true},
    {"eeee", 25, {"DDDU"}, "DDDU", false}, /* exactly 25 % */
    {"eeee", 26, {"DDDU"}, "UUUU", true},
    {"eeeee", 25, {"DDDDU"}, "UUUUU", true},
    {"eeee", 100, {"UUUU"}, "UUUU", false},
    {"eeee", 100, {"UUUD"}, "UUUU", true},
    {"e", 25, {"D"}, "U", true},
    {"e", 25, {"U"}, "U", false},
    {"", 25, {""}, "", false},
    /* Only what is eligible counts, and only that changes. */
    {"rdee", 25, {"UUDD"}, "UUUU", true},
    {"rdee", 25, {"DDDU"}, "DDDU", false},
    {"rdee", 25, {"DDDD"}, "DDUU", true},
    {"rd", 25, {"DD"}, "DD", false},
    {"rrrre", 90, {"DDDDU"}, "DDDDU", false},
    /* UNKNOWN is not DOWN, but no reason to trust it alone either. */
    {"eeee", 25, {"????"}, "????", false},
    {"eeee", 25, {"???D"}, "UUUU", true},
    {"eeee", 75, {"U??D"}, "U??D", false},
    {"eeee", 76, {"U??D"}, "UUUU", true},
    {"eeee", 100, {"U???"}, "U???", false},
};

static void
check_verdicts(const char *verdicts, bool panic)
{
	ck_assert_uint_eq(votes->n, strlen(verdicts));
	for (size_t i = 0; i < votes->n; i++)
		ck_assert_msg(letter(votes->verdicts[i].health) == verdicts[i],
		    "%zu: %c", i, letter(votes->verdicts[i].health));
	ck_assert_int_eq(votes->services[0].panic, panic);
}

START_TEST(small_cases)
{
	count(cases[_i].intents, cases[_i].panic_percent, cases[_i].observers);
	check_verdicts(cases[_i].verdicts, cases[_i].panic);
}
END_TEST

START_TEST(what_is_told_of_it)
{
	const char *const observers[] = {"UUDDU?", "DUD?DD", "DU?UU?", NULL};

	count("eeeerd", 25, observers);
	check_verdicts("DUDUUD", false);
	ck_assert_str_eq(votes->services[0].name, "web");
	ck_assert_uint_eq(votes->services[0].first, 0);
	ck_assert_uint_eq(votes->services[0].n, 6);
	ck_assert_uint_eq(votes->services[0].eligible, 4);
	ck_assert_uint_eq(votes->services[0].up, 2);
	ck_assert_uint_eq(votes->services[0].down, 2);
	ck_assert_uint_eq(votes->tallies[0].up, 1);
	ck_assert_uint_eq(votes->tallies[0].down, 2);
}
END_TEST

/* The first observer is this node. */
static const struct {
	const char *intents;
	const char *observers[MAX_RECORDS];
	bool unfit;
} unfits[] = {
    {"eeee", {"DDDD", "UUUU"}, true},
    {"eeee", {"DDUU", "UUUU"}, true},
    {"eeee", {"DUUU", "UUUU"}, false},
    {"eeee", {"DD??", "UUUU"}, true},
    {"eeeee", {"DDUUU", "UUUUU"}, false},
    {"eeeee", {"DDDUU", "UUUUU"}, true},
    /* One backend is no reason, even if it is all there is. */
    {"e", {"D", "U"}, false},
    {"ee", {"DU", "UU"}, false},
    {"ee", {"DD", "UU"}, true},
    /* What all see is not this node's fault, though panic makes it UP. */
    {"eeee", {"DDDD", "DDDD", "DDDD"}, false},
    {"eeee", {"DDDD"}, false},
    {"eeee", {"DDDU", "DDUU", "DDUU"}, false},
    /* Alone, it agrees with itself. */
    {"eeee", {"UUUU"}, false},
    {"eeee", {"????", "UUUU"}, false},
    {"eeee", {"????", "????"}, false},
    /* What takes no traffic does not count. */
    {"rrddee", {"DDDDUU", "UUUUUU"}, false},
    {"rrddee", {"UUUUDD", "UUUUUU"}, true},
    {"", {"", ""}, false},
};

START_TEST(self_unfit)
{
	count(unfits[_i].intents, 25, unfits[_i].observers);
	ck_assert_int_eq(
	    votes_self_unfit(votes, &records[0]), unfits[_i].unfit);
}
END_TEST

/* One backend that this node does not reach is one, in however many services.
 */
START_TEST(one_backend_in_many_services)
{
	struct conf_backend b[2] = {
	    {.addr = backend(1), .intent = INTENT_ENABLED},
	    {.addr = backend(2), .intent = INTENT_ENABLED}};
	struct conf_service services[4];
	struct conf c = {.services = services, .n_services = 4};
	struct votes_entry own[5], others[5];
	struct votes_record r[2] = {{own, 4}, {others, 4}};
	char names[4][2] = {"a", "b", "c", "d"};

	for (int i = 0; i < 4; i++) {
		services[i] = (struct conf_service){.name = names[i],
		    .backends = b,
		    .n_backends = 1,
		    .check = {.kind = CHECK_TCP}};
		own[i] = (struct votes_entry){names[i], b[0].addr, HEALTH_DOWN};
		others[i] = (struct votes_entry){
		    names[i], b[0].addr, HEALTH_UP};
	}
	votes = votes_count(&c, r, 2);
	ck_assert_ptr_nonnull(votes);
	ck_assert(!votes_self_unfit(votes, &r[0]));
	votes_free(votes);
	services[3].n_backends = 2;
	own[4] = (struct votes_entry){names[3], b[1].addr, HEALTH_DOWN};
	others[4] = (struct votes_entry){names[3], b[1].addr, HEALTH_UP};
	r[0].n = r[1].n = 5;
	votes = votes_count(&c, r, 2);
	ck_assert_ptr_nonnull(votes);
	ck_assert(votes_self_unfit(votes, &r[0]));
	ck_assert(!votes_self_unfit(votes, &r[1]));
	ck_assert(!votes_self_unfit(votes, &(struct votes_record){NULL, 0}));
}
END_TEST

/* A service without a check has no verdicts, whatever records say. */
START_TEST(not_checked)
{
	const char *const observers[] = {"DDDD", NULL};
	struct view_health h;

	count("eeee", 25, observers);
	votes_free(votes);
	web.check.kind = CHECK_NONE;
	votes = votes_count(&conf, records, 1);
	ck_assert_ptr_nonnull(votes);
	ck_assert_uint_eq(votes->n, 0);
	ck_assert_uint_eq(votes->n_services, 1);
	ck_assert(!votes->services[0].panic);
	h = votes_health(votes);
	ck_assert_int_eq(
	    view_health_of(&h, "web", &backends[0].addr), HEALTH_UNKNOWN);
	ck_assert(!votes_self_unfit(votes, &records[0]));
}
END_TEST

START_TEST(nothing_at_all)
{
	struct conf empty = {.n_services = 0};

	votes = votes_count(&empty, NULL, 0);
	ck_assert_ptr_nonnull(votes);
	ck_assert_uint_eq(votes->n, 0);
}
END_TEST

/* The model. */
#define N_NAMES   6
#define N_ADDRS   40
#define N_NODES   7
#define N_ENTRIES (N_NAMES * N_ADDRS)

static const char *const names[N_NAMES] = {"a", "aa", "b", "dns", "web", "z"};
static uint64_t random_state;

static uint32_t
random_below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % n;
}

static struct {
	struct conf conf;
	struct conf_service services[N_NAMES];
	struct conf_backend backends[N_NAMES][N_ADDRS];
	char texts[N_NODES][N_NAMES][8]; /* names of the nodes' own */
	struct votes_entry entries[N_NODES][N_ENTRIES];
	struct votes_record records[N_NODES];
} world;

static void
add_record(size_t node)
{
	struct votes_entry *e = world.entries[node];
	size_t n = 0;

	for (uint32_t s = 0; s < N_NAMES; s++) {
		strcpy(world.texts[node][s], names[s]);
		for (uint32_t b = 0; b < N_ADDRS; b++) {
			if (random_below(4) == 0)
				continue;
			/* Some share a pointer to the name, some do not. */
			e[n++] = (struct votes_entry){random_below(9) == 0
				? names[s]
				: world.texts[node][s],
			    backend(b), (enum health)random_below(3)};
		}
	}
	world.records[node] = (struct votes_record){e, n};
}

static void
make_world(void)
{
	size_t n = 0;

	for (uint32_t s = 0; s < N_NAMES; s++) {
		struct conf_service *cs = &world.services[n];
		size_t n_backends = 0;

		if (random_below(5) == 0)
			continue;
		for (uint32_t b = 0; b < N_ADDRS; b++)
			if (random_below(3) != 0)
				world.backends[n][n_backends++] =
				    (struct conf_backend){.addr = backend(b),
					.intent = (enum intent)random_below(3)};
		*cs = (struct conf_service){.name = world.texts[0][s],
		    .backends = world.backends[n],
		    .n_backends = n_backends,
		    .panic_percent = (uint8_t)random_below(101),
		    .check = {
			.kind = random_below(5) == 0 ? CHECK_NONE : CHECK_TCP}};
		n++;
	}
	world.conf = (struct conf){.services = world.services, .n_services = n};
	for (size_t i = 0; i < N_NODES; i++)
		add_record(i);
}

static enum health
search_record(
    const struct votes_record *r, const char *service, const struct addr *b)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->entries[i].service, service) == 0 &&
		    addr_cmp(&r->entries[i].backend, b) == 0)
			return r->entries[i].health;
	return HEALTH_UNKNOWN;
}

static enum health
model_vote(const char *service, const struct addr *b)
{
	int up = 0, down = 0;

	for (size_t i = 0; i < N_NODES; i++) {
		enum health h = search_record(&world.records[i], service, b);

		up += h == HEALTH_UP;
		down += h == HEALTH_DOWN;
	}
	if (up + down == 0)
		return HEALTH_UNKNOWN;
	return up >= down ? HEALTH_UP : HEALTH_DOWN;
}

static bool
model_panics(const struct conf_service *cs)
{
	unsigned eligible = 0, up = 0, down = 0;

	for (size_t i = 0; i < cs->n_backends; i++) {
		enum health h = model_vote(cs->name, &cs->backends[i].addr);

		if (cs->backends[i].intent != INTENT_ENABLED)
			continue;
		eligible++;
		up += h == HEALTH_UP;
		down += h == HEALTH_DOWN;
	}
	return cs->panic_percent > 0 && down > 0 &&
	    (up == 0 || (eligible - down) * 100 < cs->panic_percent * eligible);
}

static void
compare_with_model(const struct votes *v)
{
	struct view_health h = votes_health(v);
	size_t n = 0;

	for (size_t s = 0; s < world.conf.n_services; s++) {
		const struct conf_service *cs = &world.services[s];
		bool panic = model_panics(cs);

		if (cs->check.kind == CHECK_NONE)
			continue;
		n += cs->n_backends;
		for (size_t i = 0; i < cs->n_backends; i++) {
			const struct conf_backend *b = &cs->backends[i];
			enum health want = model_vote(cs->name, &b->addr);

			if (panic && b->intent == INTENT_ENABLED)
				want = HEALTH_UP;
			ck_assert_int_eq(
			    view_health_of(&h, cs->name, &b->addr), want);
		}
	}
	ck_assert_uint_eq(v->n, n);
	for (size_t i = 1; i < v->n; i++)
		ck_assert_int_lt(
		    view_verdict_cmp(&v->verdicts[i - 1], &v->verdicts[i]), 0);
	for (size_t i = 1; i < v->n_services; i++)
		ck_assert_int_lt(
		    strcmp(v->services[i - 1].name, v->services[i].name), 0);
}

/* In place, any order. */
static void
shuffle(void *array, size_t n, size_t size)
{
	char *at = array, keep[sizeof(struct conf_service)];

	ck_assert_uint_le(size, sizeof(keep));
	for (size_t i = n; i > 1; i--) {
		size_t k = random_below((uint32_t)i);

		memcpy(keep, at + k * size, size);
		memmove(at + k * size, at + (i - 1) * size, size);
		memcpy(at + (i - 1) * size, keep, size);
	}
}

static void
same_votes(const struct votes *a, const struct votes *b)
{
	ck_assert_uint_eq(a->n, b->n);
	ck_assert_uint_eq(a->n_services, b->n_services);
	for (size_t i = 0; i < a->n; i++) {
		ck_assert_int_eq(
		    view_verdict_cmp(&a->verdicts[i], &b->verdicts[i]), 0);
		ck_assert_int_eq(a->verdicts[i].health, b->verdicts[i].health);
		ck_assert_uint_eq(a->tallies[i].up, b->tallies[i].up);
		ck_assert_uint_eq(a->tallies[i].down, b->tallies[i].down);
	}
	for (size_t i = 0; i < a->n_services; i++)
		ck_assert_int_eq(a->services[i].panic, b->services[i].panic);
}

START_TEST(as_the_model_says_in_any_order)
{
	struct votes *again;

	random_state = (uint64_t)_i;
	make_world();
	votes = votes_count(&world.conf, world.records, N_NODES);
	ck_assert_ptr_nonnull(votes);
	compare_with_model(votes);
	for (int i = 0; i < 5; i++) {
		shuffle(world.records, N_NODES, sizeof(world.records[0]));
		shuffle(world.services, world.conf.n_services,
		    sizeof(world.services[0]));
		for (size_t s = 0; s < world.conf.n_services; s++)
			shuffle(world.services[s].backends,
			    world.services[s].n_backends,
			    sizeof(struct conf_backend));
		again = votes_count(&world.conf, world.records, N_NODES);
		ck_assert_ptr_nonnull(again);
		same_votes(votes, again);
		votes_free(again);
	}
}
END_TEST

/* As large as it gets: 64 nodes, 10,000 backends. Searching for each would not
 * end in time. */
START_TEST(full_size)
{
	enum {
		NODES = 64,
		BACKENDS = 10000
	};
	static struct votes_entry e[BACKENDS];
	static struct conf_backend b[BACKENDS];
	struct votes_record r[NODES];
	struct conf_service s = {.name = web_name,
	    .backends = b,
	    .n_backends = BACKENDS,
	    .check = {.kind = CHECK_TCP},
	    .panic_percent = 25};
	struct conf c = {.services = &s, .n_services = 1};

	for (uint32_t i = 0; i < BACKENDS; i++) {
		b[BACKENDS - 1 - i] = (struct conf_backend){
		    .addr = backend(i), .intent = INTENT_ENABLED};
		e[i] = (struct votes_entry){
		    "web", backend(i), i % 2 == 0 ? HEALTH_UP : HEALTH_DOWN};
	}
	for (int i = 0; i < NODES; i++)
		r[i] = (struct votes_record){e, BACKENDS};
	for (int i = 0; i < 10; i++) {
		votes_free(votes);
		votes = votes_count(&c, r, NODES);
		ck_assert_ptr_nonnull(votes);
		ck_assert_uint_eq(votes->services[0].up, BACKENDS / 2);
		ck_assert_uint_eq(votes->tallies[0].up, NODES);
	}
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("votes");
	TCase *tc = tcase_create("votes");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, small_cases, 0, ROWS(cases));
	tcase_add_test(tc, what_is_told_of_it);
	tcase_add_loop_test(tc, self_unfit, 0, ROWS(unfits));
	tcase_add_test(tc, one_backend_in_many_services);
	tcase_add_test(tc, not_checked);
	tcase_add_test(tc, nothing_at_all);
	tcase_add_loop_test(tc, as_the_model_says_in_any_order, 0, 50);
	tcase_add_test(tc, full_size);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
