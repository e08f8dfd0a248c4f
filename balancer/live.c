/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/live.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "balancer/announce.h"
#include "balancer/capture.h"
#include "balancer/core/sweeper.h"
#include "balancer/ctl/server.h"
#include "balancer/feed.h"
#include "balancer/io/nexthop.h"
#include "balancer/io/ports.h"
#include "balancer/io/tx.h"
#include "balancer/io/xdp.h"
#include "balancer/io/xdp_watch.h"
#include "balancer/live_impl.h"
#include "balancer/predecessor.h"
#include "balancer/ticks.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/notify.h"
#include "common/privilege.h"

/* Two capabilities stay for good. CAP_NET_ADMIN: the kernel is asked to resolve
 * neighbours. CAP_NET_RAW: an interface that was deleted and comes back needs a
 * new capture socket, and a balancer that had to be restarted for that would be
 * worse. */
#define PRIVILEGES (PRIVILEGE_NET_ADMIN | PRIVILEGE_NET_RAW)

/* And two with XDP, since a state may need a program with more room: CAP_BPF
 * loads it, and without CAP_PERFMON the kernel takes none that follows headers
 * of variable length. */
#define PRIVILEGES_XDP (PRIVILEGE_BPF | PRIVILEGE_PERFMON)

#define TICK_S 1

#define KEEP_TICKS (10 * MOVES_TICKS_PER_S)

/* Next hops ------------------------------------------------------------ */

static void
on_next_hop(void *ctx, size_t position, const struct fib_next_hop *hop)
{
	struct live *live = ctx;
	struct fib *fib = live->serving.fib;
	bool had_one = fib_has_next_hop(fib, position);

	fib_set_next_hop(fib, position, hop);
	if (live->env.xdp != NULL)
		xdp_set_next_hop(live->env.xdp, position);
	if (fib_has_next_hop(fib, position) != had_one)
		live->next_hops_version++;
}

static void
on_links(void *ctx)
{
	struct live *live = ctx;

	if (live->ports != NULL)
		ports_check(live->ports);
	if (live->env.xdp != NULL)
		xdp_check_links(live->env.xdp);
	if (live->announce != NULL)
		announce_check(live->announce);
}

/* The new state is refused: what became of the old one's next hops meanwhile is
 * told of nowhere else. */
static void
take_back(struct live *live)
{
	const struct forwarding *f = serving_state(&live->serving);
	struct errmsg why;

	if (nexthop_set(live->nexthop, f->backends, f->n_backends, &why) ==
	    -1) {
		/* What is known is by the positions of the refused state, and
		 * there is no memory for another order: better begin anew. */
		fatalx("nexthop", "%s", why.text);
	}
	for (size_t i = 0; i < f->n_backends; i++)
		on_next_hop(live, i, nexthop_get(live->nexthop, i));
}

/* Room for it, or it is put off (live->put_off). 0, or -1 with `why`. */
static int
make_room(struct live *live, const struct fib *fib, struct errmsg *why)
{
	live->put_off = false;
	if (live->env.xdp == NULL || live->waits)
		return 0;
	return xdp_make_room(live->env.xdp, fib, &live->put_off, why);
}

/* Before a new state is switched in: all its backends have the next hops that
 * are known. With XDP it is in force then, since that can refuse it. */
int
live_prepare(void *ctx, struct fib *fib, struct errmsg *why)
{
	struct live *live = ctx;
	const struct forwarding *f = fib_state(fib);

	if (live->nexthop == NULL)
		return 0;
	if (make_room(live, fib, why) == -1 ||
	    nexthop_set(live->nexthop, f->backends, f->n_backends, why) == -1)
		return -1;
	for (size_t i = 0; i < f->n_backends; i++)
		fib_set_next_hop(fib, i, nexthop_get(live->nexthop, i));
	if (live->env.xdp == NULL || xdp_install(live->env.xdp, fib, why) == 0)
		return 0;
	take_back(live);
	return -1;
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct live *live = ctx;

	xdp_tick(live->env.xdp, live->serving.counters);
}

/* Signals -------------------------------------------------------------- */

/* Withdraws first, and forwards what still comes; told twice, ends at once. */
void
live_end(struct live *live, const char *cause)
{
	const struct timeval linger = {LIVE_LINGER_S, 0};
	bool announced = !live->ending && live->announce != NULL &&
	    announce_withdraw(live->announce);

	log_info("main", "ending: %s", cause);
	notify("STOPPING=1");
	live->ending = true;
	event_base_loopexit(live->base, announced ? &linger : NULL);
}

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct live *live = ctx;

	switch (number) {
	case SIGHUP:
		log_info("main",
		    "SIGHUP: services come from the agent, which reads them "
		    "again on its own SIGHUP; interfaces, user and run_dir "
		    "take a restart");
		break;
	case SIGUSR1:
		live_dump(live);
		break;
	default:
		live_end(live, strsignal((int)number));
	}
}

static int
add_signals(struct live *live)
{
	static const int numbers[LIVE_SIGNALS] = {
	    SIGTERM, SIGINT, SIGHUP, SIGUSR1};

	for (int i = 0; i < LIVE_SIGNALS; i++) {
		live->signals[i] = evsignal_new(
		    live->base, numbers[i], on_signal, live);
		if (live->signals[i] == NULL ||
		    event_add(live->signals[i], NULL) == -1)
			return -1;
	}
	return 0;
}

/* Life ----------------------------------------------------------------- */

static int
start_core(struct live *live, struct errmsg *why)
{
	uint8_t key[16];

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return errmsg_sys(why, "random numbers");
	if (serving_init(&live->serving, key, why) == -1)
		return -1;
	live->serving.forwarder.fix_checksums = true;
	return 0;
}

static const char *
interface_name(void *ctx, uint32_t ifindex)
{
	const struct live *live = ctx;
	const struct netlink_link *link = NULL;

	if (live->nexthop != NULL)
		link = nexthop_link(live->nexthop, ifindex);
	return link == NULL ? NULL : link->name;
}

static void
wish(void *ctx, const struct tap_wish *w)
{
	struct live *live = ctx;

	if (live->env.xdp != NULL)
		xdp_wish(live->env.xdp, w);
}

static void
on_offer(void *ctx, const struct tap_offer *offer)
{
	struct live *live = ctx;

	capture_offer(live->capture, offer);
}

static void
on_missed(void *ctx, uint64_t over, uint64_t lost)
{
	struct live *live = ctx;

	capture_missed(live->capture, over, lost);
}

void
live_keep(struct live *live)
{
	struct errmsg why;

	live->kept_at = ticks_now();
	live->kept_moving = serving_moves(&live->serving);
	if (kept_save(&live->kept_files, live->serving.fib, live->kept_at,
		&why) == -1)
		log_warnx("kept", "%s", why.text);
}

/* Moves have an age; and that they are over should be known as well. */
static void
on_sweep(evutil_socket_t fd, short what, void *ctx)
{
	struct live *live = ctx;
	uint32_t now = ticks_now();

	serving_tick(&live->serving, now);
	if (live->env.xdp != NULL)
		xdp_follow(live->env.xdp, live->serving.fib, now);
	if (live->installed && now - live->kept_at >= KEEP_TICKS &&
	    (live->kept_moving || serving_moves(&live->serving)))
		live_keep(live);
}

/* With XDP the program has them in maps; else they are in a file. */
static int
find_flows(struct live *live, const struct conf *conf, struct flows *flows,
    struct errmsg *why)
{
	if (live->env.xdp != NULL) {
		xdp_flows(live->env.xdp, flows);
		return 0;
	}
	if (flow_memory_map(&live->memory, conf->run_dir, why) == -1)
		return -1;
	*flows = live->memory.flows;
	if (live->predecessor == NULL)
		(void)flows_recover(flows);
	return 0;
}

/* What the process before this one has left, and goes on using if it is to be
 * replaced. */
static int
start_moves(struct live *live, const struct conf *conf, struct errmsg *why)
{
	const struct timeval step = {0, SWEEPER_STEP_MS * 1000};
	struct flows flows;
	struct fib *before;

	kept_open(&live->kept_files, conf->run_dir);
	if (find_flows(live, conf, &flows, why) == -1)
		return -1;
	before = kept_load(&live->kept_files, ticks_now());
	if (serving_remember(&live->serving, &flows, before, why) == -1)
		return -1;
	/* What is learnt before the first step has the time, too. */
	serving_tick(&live->serving, ticks_now());
	live->sweep = event_new(live->base, -1, EV_PERSIST, on_sweep, live);
	if (live->sweep == NULL || event_add(live->sweep, &step) == -1)
		return errmsg_set(why, "event loop: cannot add an event");
	return 0;
}

static bool
wants_xdp(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_interfaces; i++) {
		if (conf->interfaces[i].driver != CONF_DRIVER_PCAP)
			return true;
	}
	return false;
}

/* Without it, interfaces that leave the choice to us have another driver. */
static int
start_xdp(struct live *live, const struct conf *conf, struct errmsg *why)
{
	const struct timeval tick = {TICK_S, 0};

	live->env.no_xdp = live->no_xdp.text;
	if (!wants_xdp(conf))
		return 0;
	live->env.xdp = xdp_new(conf, live->base, &live->no_xdp);
	if (live->env.xdp == NULL)
		return 0;
	if (xdp_watch(live->env.xdp,
		&(const struct xdp_watch_handler){on_offer, on_missed, live},
		why) == -1)
		return -1;
	live->tick = event_new(live->base, -1, EV_PERSIST, on_tick, live);
	if (live->tick == NULL || event_add(live->tick, &tick) == -1)
		return errmsg_set(why, "event loop: cannot add an event");
	return 0;
}

static int
start_interfaces(struct live *live, const struct conf *conf, struct errmsg *why)
{
	const struct nexthop_handler handler = {on_next_hop, on_links, live};
	unsigned privileges = PRIVILEGES;

	live->env.base = live->base;
	live->env.forwarder = &live->serving.forwarder;
	if ((live->env.tx = tx_new(why)) == NULL ||
	    (live->nexthop = nexthop_new(live->base, &handler, why)) == NULL)
		return -1;
	live->ports = ports_new(&live->env, live->nexthop, conf->interfaces,
	    conf->n_interfaces, why);
	if (live->ports == NULL)
		return -1;
	ports_check(live->ports);
	if (conf->announce.enabled &&
	    (live->announce = announce_new(
		 live->base, &conf->announce, live->ports, why)) == NULL)
		return -1;
	if (live->announce != NULL && live->kept != -1) {
		announce_take_over(live->announce, live->kept, true);
		live->kept = -1;
	}
	if (live->env.xdp != NULL)
		privileges |= PRIVILEGES_XDP;
	return privilege_drop(conf->user, privileges, why);
}

/* Without interfaces it only answers the agent, and needs no privileges: for
 * trying a configuration out. */
static int
start(struct live *live, const struct conf *conf, bool replaces,
    struct errmsg *why)
{
	bool forwards = conf->n_interfaces > 0;

	if ((forwards && privilege_check(PRIVILEGES, why) == -1) ||
	    start_core(live, why) == -1)
		return -1;
	if ((live->base = event_base_new()) == NULL || add_signals(live) == -1)
		return errmsg_set(why, "event loop: cannot be made");
	live->capture = capture_new(
	    &(const struct capture_env){
		live->base, &live->serving, interface_name, wish, live},
	    why);
	if (live->capture == NULL)
		return -1;
	live->feed = feed_new(
	    &(const struct feed_env){
		live->base, &live->serving, live_settle, live_packets, live},
	    why);
	if (live->feed == NULL)
		return -1;
	if (live_claim_socket(live, conf, replaces, why) == -1 ||
	    (forwards && start_xdp(live, conf, why) == -1) ||
	    start_moves(live, conf, why) == -1 ||
	    (forwards && start_interfaces(live, conf, why) == -1))
		return -1;
	if (!forwards)
		log_warnx("main",
		    "%s: no interfaces, so nothing is forwarded: name those "
		    "that packets for VIPs come in through under "
		    "balancer.interfaces",
		    conf->path);
	return live_take_over(live, why);
}

static void
stop(struct live *live)
{
	server_free(live->server);
	predecessor_free(live->predecessor);
	if (live->listener != -1)
		close(live->listener);
	capture_free(live->capture);
	feed_free(live->feed);
	/* May be denied to the user we have become: then the next start
	 * replaces it. */
	if (live->listens)
		(void)unlink(live->socket_path);
	announce_free(live->announce);
	if (live->env.xdp != NULL)
		xdp_leave(live->env.xdp, live->serving.counters);
	ports_free(live->ports);
	xdp_free(live->env.xdp);
	nexthop_free(live->nexthop);
	tx_free(live->env.tx);
	for (int i = 0; i < LIVE_SIGNALS; i++) {
		if (live->signals[i] != NULL)
			event_free(live->signals[i]);
	}
	if (live->tick != NULL)
		event_free(live->tick);
	if (live->sweep != NULL)
		event_free(live->sweep);
	if (live->base != NULL)
		event_base_free(live->base);
	serving_clear(&live->serving);
	flow_memory_unmap(&live->memory);
	kept_close(&live->kept_files);
}

/* Nothing is announced by this process. */
static void
drop_kept(struct live *live)
{
	if (live->kept == -1)
		return;
	close(live->kept);
	notify_remove(ANNOUNCE_STORED);
}

int
live_run(const struct conf *conf, bool replaces, struct errmsg *why)
{
	struct live *live = calloc(1, sizeof(*live));
	int r;

	if (live == NULL)
		return errmsg_sys(why, "balancer");
	signal(SIGPIPE, SIG_IGN);
	live->started = mono_now();
	live->listener = -1;
	live->kept_files.fds[0] = live->kept_files.fds[1] = -1;
	live->kept = notify_take(ANNOUNCE_STORED);
	r = start(live, conf, replaces, why);
	drop_kept(live);
	if (r == 0)
		event_base_dispatch(live->base);
	stop(live);
	free(live);
	return r;
}
