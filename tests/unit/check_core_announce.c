/* SPDX-License-Identifier: Apache-2.0 */
/* What the core announces, and when: the gate with the balancer's faults, the
 * drain, and what BIRD makes of it. */
#include "config.h"

#include <string.h>

#include "agent/core/vip_routes.h"
#include "tests/unit/core_rig.h"
#include "tests/unit/unit.h"

#define VIP "203.0.113.10"

static struct vip_routes kernel;
static struct vip_route_entry stands[4];
static bool resolved; /* the next hops of all backends */

static struct addr
addr(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(&a, text), 0);
	return a;
}

/* The kernel does what it is told, while the device is there. */
static void
state_loaded(bool draining)
{
	const struct core_state state = {.draining = draining};

	step((struct core_event){.type = CORE_STATE_LOADED, .state = &state});
}

static void
obey(void)
{
	const struct core_output *o = find(CORE_SET_ROUTES, 0);

	if (o == NULL || !kernel.device)
		return;
	ck_assert_uint_le(o->n_routes, 4);
	memcpy(stands, o->routes, o->n_routes * sizeof(*stands));
	kernel.n = o->n_routes;
}

static void
tell_kernel(void)
{
	step((struct core_event){.type = CORE_ROUTES, .routes = &kernel});
	obey();
}

/* All backends of web and dns, as `resolved` says. */
static struct balancer_reply *
backends_status(uint64_t id)
{
	static const char *const texts[] = {
	    "10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"};
	struct balancer_reply *r = reply_new(BALANCER_STATUS, id);
	struct report_backend *b = arena_alloc(r->arena, 5, sizeof(*b));

	for (size_t i = 0; i < 5; i++) {
		b[i].addr = addr(texts[i]);
		b[i].interface = "";
		b[i].resolved = resolved;
	}
	r->status.backends = b;
	r->status.n_backends = 5;
	r->status.generation = last_generation;
	r->status.tables = last_tables;
	r->status.n_tables = last_n_tables;
	return r;
}

/* The kernel obeys; the balancer answers, unless it is mute. */
static void
answer_all(void)
{
	obey();
	if (mute)
		return;
	if (status_id != 0) {
		reply(backends_status(status_id));
		obey();
	}
	answer_pings(UINT64_MAX);
	obey();
}

static void
set_device(bool there)
{
	kernel.device = there;
	kernel.ifindex += there;
	pong.device = there;
	if (!there)
		kernel.n = 0;
	tell_kernel();
}

static void
after(int64_t ms)
{
	struct mono end = {now.us + ms * 1000}, next;

	while (now.us < end.us) {
		next = core_wakeup(core);
		if (next.us <= now.us)
			next.us = now.us + 1;
		now = next.us < end.us ? next : end;
		event(CORE_TICK);
		answer_all();
	}
}

static void
announce_setup(void)
{
	setup();
	resolved = true;
	kernel = (struct vip_routes){.entries = stands, .error = ""};
}

/* A node that announces its VIP. */
static void
announced(void)
{
	settle();
	state_loaded(false);
	tell_kernel();
	set_device(true);
	after(1500);
	ck_assert_uint_eq(kernel.n, 1);
	ck_assert_int_eq(stands[0].route, VIP_ROUTE_ACTIVE);
}

static const struct control_announce *
shown(void)
{
	command(99, CONTROL_STATUS, "");
	if (find(CORE_REPLY, 0) == NULL)
		reply(backends_status(status_id));
	return &need(CORE_REPLY)->reply.announce;
}

static void
say(enum control_kind kind, bool temporary, uint32_t graceful_s)
{
	struct core_event e = {.type = CORE_COMMAND, .client = 1};

	e.request.kind = kind;
	e.request.temporary = temporary;
	e.request.graceful_s = graceful_s;
	step(e);
	obey();
}

static void
persisted(const char *failure)
{
	ck_assert_int_eq(need(CORE_PERSIST)->type, CORE_PERSIST);
	step((struct core_event){.type = CORE_PERSISTED, .text = failure});
	obey();
}

static void
tell_bird(bool established, bool learnt, uint32_t exported)
{
	struct arena *arena = arena_new();
	struct bird_report *r = arena_alloc(arena, 1, sizeof(*r));
	struct bird_session *s = arena_alloc(arena, 2, sizeof(*s));
	struct bird_route *b = arena_alloc(arena, 1, sizeof(*b));

	*s = (struct bird_session){
	    "up4", established, "Established", true, false};
	s[1] = s[0];
	s[1].name = "other";
	*b = (struct bird_route){addr(VIP), "kvip4", learnt, exported};
	*r = (struct bird_report){.arena = arena,
	    .begun = now,
	    .why = "",
	    .version = "2.0.12",
	    .sessions = s,
	    .n_sessions = 2,
	    .routes = b,
	    .n_routes = learnt || exported > 0};
	step((struct core_event){.type = CORE_BIRD, .bird = r});
}

START_TEST(announces_when_all_is_so)
{
	struct addr expected = addr(VIP);

	settle();
	tell_kernel();
	after(8000);
	ck_assert_uint_eq(kernel.n, 0); /* no device */
	set_device(true);
	after(1500);
	ck_assert_uint_eq(kernel.n, 1);
	ck_assert(addr_cmp(&stands[0].vip, &expected) == 0);
	ck_assert(shown()->fit);
	ck_assert_str_eq(shown()->vips[0].state, "announced");
	for (size_t i = 0; i < shown()->n_conditions; i++)
		ck_assert(shown()->conditions[i].ok);
}
END_TEST

START_TEST(waits_for_next_hops)
{
	resolved = false;
	settle();
	tell_kernel();
	set_device(true);
	after(10000);
	ck_assert_uint_eq(kernel.n, 0);
	ck_assert_ptr_nonnull(strstr(shown()->vips[0].why, "backends ready"));
	resolved = true;
	pong.next_hops_version++;
	after(2900);
	ck_assert_uint_eq(kernel.n, 0);
	after(600);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

/* The successor of an agent finds the routes, and the router sees nothing. */
START_TEST(restart_changes_nothing)
{
	load("enabled", true);
	state_loaded(false);
	stands[0] = (struct vip_route_entry){addr(VIP), VIP_ROUTE_ACTIVE};
	kernel.n = 1;
	set_device(true);
	ck_assert_uint_eq(kernel.n, 1);
	event(CORE_BALANCER_UP);
	obey();
	ck_assert_uint_eq(kernel.n, 1);
	reply(installed(HONEST));
	obey();
	ck_assert_uint_eq(kernel.n, 1);
	after(20000);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

/* But it does not believe in them for ever. */
START_TEST(restart_without_a_balancer_withdraws)
{
	load("enabled", true);
	stands[0] = (struct vip_route_entry){addr(VIP), VIP_ROUTE_ACTIVE};
	kernel.n = 1;
	set_device(true);
	lost("no such file");
	after(1000);
	ck_assert_uint_eq(kernel.n, 1);
	for (int i = 0; i < 5; i++) {
		lost("no such file");
		after(1000);
	}
	ck_assert_uint_eq(kernel.n, 0);
}
END_TEST

START_TEST(silence_withdraws_within_a_second)
{
	announced();
	mute = true;
	after(700);
	ck_assert_uint_eq(kernel.n, 1);
	after(300);
	ck_assert_uint_eq(kernel.n, 0);
	ck_assert_ptr_nonnull(strstr(shown()->why, "balancer"));
}
END_TEST

/* Hung up on after two seconds: that is no restart to wait for. */
START_TEST(silence_is_not_waited_for)
{
	announced();
	mute = true;
	after(1000);
	ck_assert_uint_eq(kernel.n, 0);
	after(2000);
	ck_assert(!shown()->fit);
	ck_assert_uint_eq(kernel.n, 0);
}
END_TEST

/* From the loss on; every output that would be a change of routes counts. */
static size_t changes;

static void
without_balancer(int64_t ms)
{
	struct mono end = {now.us + ms * 1000}, next;

	changes = 0;
	lost("it closed the connection");
	while (now.us < end.us) {
		next = core_wakeup(core);
		if (next.us <= now.us)
			next.us = now.us + 1;
		now = next.us < end.us ? next : end;
		event(CORE_TICK);
		changes += find(CORE_SET_ROUTES, 0) != NULL;
		obey();
		if (find(CORE_DIAL, 0) != NULL)
			lost("no such file");
	}
}

/* The answer to the install takes `ms`, and what follows is answered at once.
 */
static void
successor(int64_t ms)
{
	struct balancer_reply *r;

	ck_assert(wait_for(CORE_DIAL, 1000));
	event(CORE_BALANCER_UP);
	r = installed(HONEST);
	mute = true;
	for (; ms > 0; ms -= 100) {
		now.us += 100000;
		event(CORE_TICK);
		changes += find(CORE_SET_ROUTES, 0) != NULL;
	}
	reply(r);
	changes += find(CORE_SET_ROUTES, 0) != NULL;
	mute = false;
	after(3000);
}

/* The device stands, held for a successor: so do the routes. */
static const struct {
	int64_t away_ms, install_ms;
} restarts[] = {{0, 0}, {300, 0}, {900, 300}, {3000, 0}, {4000, 700},
    {10000, 700}, {300, 1500}, {11000, 4500}};

START_TEST(a_restart_with_the_device_changes_nothing)
{
	announced();
	without_balancer(restarts[_i].away_ms);
	successor(restarts[_i].install_ms);
	ck_assert_uint_eq(changes, 0);
	ck_assert_uint_eq(kernel.n, 1);
	ck_assert(shown()->fit);
}
END_TEST

START_TEST(a_successor_is_not_waited_for_for_ever)
{
	announced();
	after(1000);
	without_balancer(11800);
	ck_assert_uint_eq(kernel.n, 1);
	without_balancer(400);
	ck_assert_uint_eq(kernel.n, 0);
	successor(0);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

/* It serves, but its device is not that one. */
START_TEST(a_successor_without_the_device_withdraws)
{
	announced();
	without_balancer(2000);
	ck_assert_uint_eq(kernel.n, 1);
	pong.device = false;
	pong.device_error = "no interface is up";
	successor(0);
	ck_assert_uint_eq(kernel.n, 0);
}
END_TEST

/* And nothing is added while it is away. */
START_TEST(nothing_comes_without_a_balancer)
{
	announced();
	mute = true;
	after(1000);
	ck_assert_uint_eq(kernel.n, 0);
	without_balancer(3000);
	ck_assert_uint_eq(kernel.n, 0);
}
END_TEST

/* Silent for 1.5 s, then well again. */
START_TEST(comes_back_after_a_second_of_health)
{
	announced();
	mute = true;
	after(1500);
	ck_assert_uint_eq(kernel.n, 0);
	mute = false;
	after(700);
	ck_assert_uint_eq(kernel.n, 0);
	after(1500);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

START_TEST(the_device_takes_all_along)
{
	announced();
	set_device(false);
	ck_assert_uint_eq(kernel.n, 0);
	pong.device_error = "eth0: the interface is down";
	after(500);
	ck_assert_ptr_nonnull(strstr(shown()->why, "eth0"));
	set_device(true);
	after(500);
	ck_assert_uint_eq(kernel.n, 0); /* it settles first */
	after(1000);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

/* Another device of that name, told of in one notice. */
START_TEST(another_device_is_another_start)
{
	announced();
	kernel.ifindex++;
	kernel.n = 0;
	tell_kernel();
	ck_assert_uint_eq(kernel.n, 0);
	after(1500);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

/* A new configuration is not a reason to withdraw, however long it takes. */
START_TEST(an_install_changes_nothing)
{
	announced();
	load("draining", true);
	ck_assert_ptr_null(find(CORE_SET_ROUTES, 0));
	now.us += 700000;
	event(CORE_TICK);
	ck_assert_ptr_null(find(CORE_SET_ROUTES, 0));
	load("enabled", true);
	reply(installed(HONEST)); /* of the older: nothing follows */
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

/* As long as its tables take; the pong that tells of it comes after it. */
START_TEST(a_long_install_changes_nothing)
{
	struct balancer_reply *r;
	const struct core_output *o;

	announced();
	load("draining", true);
	r = installed(HONEST);
	mute = true;
	now.us += 740000;
	event(CORE_TICK);
	none(CORE_SET_ROUTES);
	now.us += 300000; /* a second and more since the last pong */
	step((struct core_event){.type = CORE_BALANCER_REPLY, .reply = r});
	o = find(CORE_SET_ROUTES, 0);
	ck_assert(o == NULL || o->n_routes == 1);
	mute = false;
	after(1000);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

/* The plan before it is served while the balancer makes room. */
START_TEST(a_state_put_off_changes_nothing)
{
	announced();
	load("draining", true);
	pong.generation = 1;
	put_off();
	changes = 0;
	after(10000);
	ck_assert_int_eq(changes, 0);
	ck_assert_uint_eq(kernel.n, 1);
	pong.puts_off = false;
	pong.generation = 0;
	ck_assert(wait_for(CORE_INSTALL, 200));
	reply(installed(HONEST));
	after(3000);
	ck_assert_int_eq(changes, 0);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

/* One that has spoken is not waited for as one that starts. */
START_TEST(silence_over_a_state_withdraws)
{
	announced();
	load("draining", true);
	last_install = need(CORE_INSTALL)->id;
	mute = true;
	after(1000);
	ck_assert_uint_eq(kernel.n, 0);
}
END_TEST

START_TEST(a_refused_state_withdraws)
{
	announced();
	load("draining", true);
	reply(reply_new(BALANCER_REFUSED, last_install));
	obey();
	ck_assert_uint_eq(kernel.n, 1);
	mute = true; /* the plan is sent again, and not answered */
	after(1100);
	ck_assert_uint_eq(kernel.n, 0);
	ck_assert(!shown()->fit);
}
END_TEST

/* Somebody else's routes are told of, and change nothing. */
START_TEST(foreign_routes_are_no_obstacle)
{
	announced();
	kernel.foreign = 1;
	kernel.a_foreign = addr("198.51.100.7");
	kernel.foreign_protocol = 3;
	tell_kernel();
	after(3000);
	ck_assert_uint_eq(kernel.n, 1);
	ck_assert(shown()->fit);
	ck_assert_str_eq(shown()->conditions[3].name, "routes");
	ck_assert_ptr_nonnull(
	    strstr(shown()->conditions[3].detail, "198.51.100.7"));
}
END_TEST

START_TEST(drain_and_undrain)
{
	announced();
	say(CONTROL_DRAIN, false, 0);
	none(CORE_REPLY); /* not before it is on disk */
	ck_assert_uint_eq(kernel.n, 1);
	ck_assert(need(CORE_PERSIST)->state_file->draining);
	persisted(NULL);
	ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_DRAIN);
	ck_assert_uint_eq(kernel.n, 0);
	tell_kernel();
	ck_assert_str_eq(shown()->drain.phase, "withdrawn");
	ck_assert(shown()->drain.gone);
	after(59000);
	ck_assert_str_eq(shown()->drain.phase, "withdrawn");
	after(2000);
	ck_assert_str_eq(shown()->drain.phase, "drained");
	say(CONTROL_UNDRAIN, false, 0);
	ck_assert(!need(CORE_PERSIST)->state_file->draining);
	persisted(NULL);
	ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_UNDRAIN);
	ck_assert_uint_eq(kernel.n, 1);
}
END_TEST

START_TEST(what_cannot_be_remembered_is_not_done)
{
	announced();
	say(CONTROL_DRAIN, false, 0);
	persisted("disk full");
	ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_ERROR);
	ck_assert_ptr_nonnull(
	    strstr(need(CORE_REPLY)->reply.error, "disk full"));
	ck_assert_uint_eq(kernel.n, 1);
	ck_assert(shown()->fit);
}
END_TEST

START_TEST(marks_first)
{
	announced();
	say(CONTROL_DRAIN, true, 5);
	none(CORE_PERSIST);
	need(CORE_REPLY);
	ck_assert_uint_eq(kernel.n, 1);
	ck_assert_int_eq(stands[0].route, VIP_ROUTE_DRAINING);
	after(4900);
	ck_assert_uint_eq(kernel.n, 1);
	after(200);
	ck_assert_uint_eq(kernel.n, 0);
}
END_TEST

START_TEST(drained_before_stays_drained)
{
	settle();
	state_loaded(true);
	stands[0] = (struct vip_route_entry){addr(VIP), VIP_ROUTE_ACTIVE};
	kernel.n = 1;
	set_device(true);
	ck_assert_uint_eq(kernel.n, 0);
	after(5000);
	ck_assert_uint_eq(kernel.n, 0);
	ck_assert_ptr_nonnull(strstr(shown()->why, "draining"));
}
END_TEST

START_TEST(another_node_is_not_ours_to_drain)
{
	struct core_event e = {.type = CORE_COMMAND, .client = 1};

	announced();
	e.request.kind = CONTROL_DRAIN;
	strcpy(e.request.node, "elsewhere");
	step(e);
	ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_ERROR);
	none(CORE_PERSIST);
}
END_TEST

START_TEST(client_gone_while_it_is_written)
{
	announced();
	say(CONTROL_DRAIN, false, 0);
	step((struct core_event){.type = CORE_CLIENT_GONE, .client = 1});
	step((struct core_event){.type = CORE_PERSISTED});
	obey();
	none(CORE_REPLY);
	ck_assert_uint_eq(kernel.n, 0);
}
END_TEST

static const struct {
	bool established, learnt;
	uint32_t exported;
	const char *cause; /* "": it is right */
} birds[] = {
    {true, true, 1, ""},
    /* Of two sessions; the other may be for something else. */
    {true, true, 2, ""},
    {false, true, 0, "no established BGP session"},
    {true, false, 0, "has not learnt it"},
    {true, true, 0, "export filters"},
};

START_TEST(says_what_bird_makes_of_it)
{
	const struct control_announce *a;

	announced();
	tell_kernel();
	after(100);
	for (int i = 0; i < 12; i++) {
		tell_bird(birds[_i].established, birds[_i].learnt,
		    birds[_i].exported);
		after(500);
	}
	a = shown();
	ck_assert(a->vips[0].checked);
	ck_assert_int_eq(a->vips[0].wrong, birds[_i].cause[0] != '\0');
	ck_assert_ptr_nonnull(strstr(a->vips[0].why, birds[_i].cause));
	ck_assert_uint_eq(kernel.n, 1); /* words only */
}
END_TEST

START_TEST(a_lasting_difference_alarms_once)
{
	int alarms = 0;

	announced();
	tell_kernel();
	after(100);
	for (int i = 0; i < 30; i++) {
		tell_bird(true, false, 0);
		alarms += alarmed();
		after(500);
	}
	ck_assert_int_eq(alarms, 1);
}
END_TEST

START_TEST(not_gone_while_bird_announces_it)
{
	announced();
	say(CONTROL_DRAIN, true, 0);
	tell_kernel();
	after(100);
	tell_bird(true, false, 1);
	ck_assert(!shown()->drain.gone);
	ck_assert(shown()->vips[0].wrong);
	ck_assert_ptr_nonnull(strstr(shown()->vips[0].why, "kvip4"));
	after(100);
	tell_bird(true, false, 0);
	ck_assert(shown()->drain.gone);
}
END_TEST

/* It tells nothing of the change, and puts off nothing. */
START_TEST(a_reading_of_before_is_followed_by_one_of_after)
{
	announced();
	tell_bird(true, true, 1);
	after(5000);
	say(CONTROL_DRAIN, true, 0);
	tell_kernel();
	now.us--;
	tell_bird(true, true, 1);
	now.us++;
	ck_assert(!shown()->drain.gone);
	ck_assert(wait_for(CORE_ASK_BIRD, 500));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core_announce");
	TCase *tc = tcase_create("announce");

	tcase_add_checked_fixture(tc, announce_setup, teardown);
	tcase_add_test(tc, announces_when_all_is_so);
	tcase_add_test(tc, waits_for_next_hops);
	tcase_add_test(tc, restart_changes_nothing);
	tcase_add_test(tc, restart_without_a_balancer_withdraws);
	tcase_add_test(tc, silence_withdraws_within_a_second);
	tcase_add_test(tc, silence_is_not_waited_for);
	tcase_add_loop_test(
	    tc, a_restart_with_the_device_changes_nothing, 0, ROWS(restarts));
	tcase_add_test(tc, a_successor_is_not_waited_for_for_ever);
	tcase_add_test(tc, a_successor_without_the_device_withdraws);
	tcase_add_test(tc, nothing_comes_without_a_balancer);
	tcase_add_test(tc, comes_back_after_a_second_of_health);
	tcase_add_test(tc, the_device_takes_all_along);
	tcase_add_test(tc, another_device_is_another_start);
	tcase_add_test(tc, an_install_changes_nothing);
	tcase_add_test(tc, a_long_install_changes_nothing);
	tcase_add_test(tc, a_state_put_off_changes_nothing);
	tcase_add_test(tc, silence_over_a_state_withdraws);
	tcase_add_test(tc, a_refused_state_withdraws);
	tcase_add_test(tc, foreign_routes_are_no_obstacle);
	tcase_add_test(tc, drain_and_undrain);
	tcase_add_test(tc, what_cannot_be_remembered_is_not_done);
	tcase_add_test(tc, marks_first);
	tcase_add_test(tc, drained_before_stays_drained);
	tcase_add_test(tc, another_node_is_not_ours_to_drain);
	tcase_add_test(tc, client_gone_while_it_is_written);
	tcase_add_loop_test(tc, says_what_bird_makes_of_it, 0, ROWS(birds));
	tcase_add_test(tc, a_lasting_difference_alarms_once);
	tcase_add_test(tc, not_gone_while_bird_announces_it);
	tcase_add_test(tc, a_reading_of_before_is_followed_by_one_of_after);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
