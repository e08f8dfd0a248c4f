/* SPDX-License-Identifier: Apache-2.0
 *
 * Drain grants: how nodes that are drained at the same time cannot withdraw the
 * last routes. Requests and grants come late, twice or never; a drain may be
 * taken back at any time, and be commanded again; nodes crash and come back.
 *
 * What it models of agent/core/core_grant.c:
 *
 *   drain()      a new attempt, and with it no grants; what a node asks its
 *                peers is a request that carries the attempt
 *   undrain()    the attempt is void; what was withdrawn is announced again,
 *                not at once but when the gate lets it (RETURNING)
 *   grant()      only while announced and not draining; for this one attempt
 *   step_back()  one that asks itself grants that to one before it in order,
 *                and begins another attempt, so that of several that are drained
 *                at once all but one leave
 *   hold()       a grant counts for the attempt it names
 *   withdraw()   with min_announced grants
 *   crash()      the routes are gone; if it is to drain it stays away, else it
 *                comes back through the gate; attempts never have an old number
 *
 * Not in here: --force, which may withdraw the last; the linger and the
 * exchange of flows, which need no grant.
 *
 * Checked: whenever a node withdraws MIN others announce, unless one crashed
 * since its attempt started. Why it holds for any number of nodes: take, of
 * those that left since then, the one whose attempt started last. Its granters
 * announced after that, so to be gone they would need a later attempt.
 *
 * Faults that Spin must find (-D; one at a time):
 *   NAIVE    a node looks at what it last heard of its peers, and asks nobody
 *   REGRANT  a node grants while it is draining itself
 *   STALE    a grant of an earlier attempt counts
 *   KEEP     what was granted outlives the attempt
 *   EARLY    a node grants as soon as it is undrained, before it announces
 *   CLING    a node that steps back goes on with the attempt it had
 *   COUNTER  a node that restarts counts its attempts from 1 again
 * and REACH, which says that what the model is about never happens.
 */

#ifndef NODES
#define NODES 3
#endif
#ifndef MIN
#define MIN 1 /* min_announced */
#endif
#ifndef COMMANDS
#define COMMANDS 5 /* drain and undrain, at all nodes together */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef YIELDS
#define YIELDS 1 /* of each node */
#endif
/* Of one node: an undrain, or a step back, between two. */
#define ATTEMPTS ((COMMANDS + 1) / 2 + YIELDS)

#define ANNOUNCED 0
#define DRAINING 1 /* and announced, until it may withdraw */
#define WITHDRAWN 2
#define RETURNING 3

#define BIT(n) (1 << (n))
#define GRANT(n, attempt) BIT((n) * ATTEMPTS + (attempt) - 1)
#define ANNOUNCES(n) (mode[n] == ANNOUNCED || mode[n] == DRAINING)
#define ONE(set, n) (((set) >> (n)) & 1)
#define COUNT(set) (ONE(set, 0) + ONE(set, 1) + ONE(set, 2) + ONE(set, 3))

byte mode[NODES];
byte attempt[NODES]; /* the last; each up to it has been asked for */
byte held[NODES];    /* who granted this one */
int granted[NODES]; /* by this node, ever: each may come at any time */
byte yields[NODES];
byte commands;
byte crashes;
bool shaken[NODES]; /* a node crashed since this one's attempt started */
#ifdef NAIVE
byte heard[NODES]; /* who announced when last heard of */
#endif

hidden byte i, announcing;

#ifdef REGRANT
#define MAY_GRANT(n) (ANNOUNCES(n))
#elif defined(EARLY)
#define MAY_GRANT(n) (mode[n] == ANNOUNCED || mode[n] == RETURNING)
#else
#define MAY_GRANT(n) (mode[n] == ANNOUNCED)
#endif

#ifdef NAIVE
#define MAY_WITHDRAW(n) (COUNT(heard[n]) >= MIN)
#else
#define MAY_WITHDRAW(n) (COUNT(held[n]) >= MIN)
#endif

#ifdef STALE
#define COUNTS(n, a) true
#else
#define COUNTS(n, a) (attempt[n] == (a))
#endif

/* All nodes are alike: it is node 0 that has the first command. */
#define MAY_COMMAND(n) (commands < COMMANDS && (commands > 0 || (n) == 0))

#ifdef KEEP
#define void_grants(n) skip
#else
#define void_grants(n) held[n] = 0
#endif

inline drain(n)
{
	commands++;
	if
	:: mode[n] == ANNOUNCED ->
		mode[n] = DRAINING;
		attempt[n]++;
		shaken[n] = false;
		void_grants(n)
	:: else ->
		/* Not announced again yet: nothing to ask for. */
		mode[n] = WITHDRAWN
	fi
}

inline undrain(n)
{
	commands++;
	void_grants(n);
	shaken[n] = false;
	mode[n] = (mode[n] == DRAINING -> ANNOUNCED : RETURNING)
}

inline grant(by, to, a)
{
	granted[by] = granted[by] | GRANT(to, a)
}

inline step_back(n, to, a)
{
	yields[n]++;
	grant(n, to, a);
#ifndef CLING
	attempt[n]++;
	shaken[n] = false;
	void_grants(n)
#endif
}

/* One that comes when the node is not draining is one that never came. */
inline hold(n, by, a)
{
	if
	:: COUNTS(n, a) ->
		held[n] = held[n] | BIT(by)
	:: else ->
		skip
	fi
}

inline withdraw(n)
{
	mode[n] = WITHDRAWN;
	void_grants(n);
	announcing = 0;
	i = 0;
	do
	:: i < NODES ->
		announcing = announcing + ANNOUNCES(i);
		i++
	:: else ->
		break
	od;
	assert(announcing >= MIN || shaken[n]);
#ifdef REACH
	/* As few as may be, by a second attempt, after all came back. */
	assert(!(announcing == MIN && attempt[n] == 2 && crashes == CRASHES &&
	    !shaken[n]));
#endif
	shaken[n] = false
}

inline crash(n)
{
	crashes++;
	mode[n] = (mode[n] == ANNOUNCED || mode[n] == RETURNING ->
	    RETURNING : WITHDRAWN);
	i = 0;
	do
	:: i < NODES ->
		shaken[i] = (mode[i] == DRAINING);
		i++
	:: else ->
		break
	od;
#ifdef COUNTER
	attempt[n] = 0;
#endif
	held[n] = 0
}

#define ON_ATTEMPT(peer, a) \
	:: d_step { peer != _pid && attempt[peer] >= a && MAY_GRANT(_pid) -> \
		printf("node %d grants node %d attempt %d\n", _pid, peer, a); \
		grant(_pid, peer, a) } \
	:: d_step { peer < _pid && attempt[peer] >= a && \
	    mode[_pid] == DRAINING && yields[_pid] < YIELDS -> \
		printf("node %d steps back for node %d attempt %d\n", _pid, \
		    peer, a); \
		step_back(_pid, peer, a) } \
	:: d_step { peer != _pid && mode[_pid] == DRAINING && \
	    (granted[peer] & GRANT(_pid, a)) -> \
		printf("node %d gets node %d's grant of attempt %d\n", \
		    _pid, peer, a); \
		hold(_pid, peer, a) }

#ifdef NAIVE
#define ON_STATUS(peer) \
	:: d_step { peer != _pid -> \
		printf("node %d hears node %d\n", _pid, peer); \
		heard[_pid] = (heard[_pid] & ~BIT(peer)) | \
		    (ANNOUNCES(peer) << peer) }
#else
#define ON_STATUS(peer)
#endif

#define ON_PEER(peer) ON_STATUS(peer) \
	ON_ATTEMPT(peer, 1) ON_ATTEMPT(peer, 2) ON_ATTEMPT(peer, 3) \
	ON_FOURTH(peer) ON_FIFTH(peer)
#if ATTEMPTS > 3
#define ON_FOURTH(peer) ON_ATTEMPT(peer, 4)
#else
#define ON_FOURTH(peer)
#endif
#if ATTEMPTS > 4
#define ON_FIFTH(peer) ON_ATTEMPT(peer, 5)
#else
#define ON_FIFTH(peer)
#endif
#if COMMANDS < 5 || ATTEMPTS > 5
#error "3 to 5 attempts, since ON_PEER names each"
#endif

active [NODES] proctype node()
{
end:	do
	:: d_step { MAY_COMMAND(_pid) &&
	    (mode[_pid] == ANNOUNCED || mode[_pid] == RETURNING) ->
		printf("node %d is drained\n", _pid); drain(_pid) }
	:: d_step { MAY_COMMAND(_pid) &&
	    (mode[_pid] == DRAINING || mode[_pid] == WITHDRAWN) ->
		printf("node %d is undrained\n", _pid); undrain(_pid) }
	:: d_step { mode[_pid] == DRAINING && MAY_WITHDRAW(_pid) ->
		printf("node %d withdraws\n", _pid); withdraw(_pid) }
	:: d_step { mode[_pid] == RETURNING ->
		printf("node %d announces\n", _pid); mode[_pid] = ANNOUNCED }
	:: d_step { crashes < CRASHES ->
		printf("node %d crashes\n", _pid); crash(_pid) }
	ON_PEER(0) ON_PEER(1) ON_PEER(2)
#if NODES == 4
	ON_PEER(3)
#endif
	od
}
