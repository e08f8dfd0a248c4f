/* SPDX-License-Identifier: Apache-2.0
 *
 * The replicated configuration: objects with unique ids ("dots": a writer and
 * its sequence number), a version vector, and no tombstones. Three nodes add
 * and remove; deltas and full snapshots come late, twice or never; one node
 * restarts from an old state file; all import the same file, again when they
 * lost it.
 *
 * What it models of agent/core/replica.c:
 *
 *   merge_objects()   the join of two states, also what a complete full does
 *   deliver_add(),    the rules for one delta: next in sequence, known, or
 *   deliver_remove()  after a gap
 *   add(), remove()   what an operator does at a node
 *   import()          the configuration file: its writer is a hash of what it
 *                     says, so it is the same constant state on every node, and
 *                     an import is a merge with that
 *   take_full(),      a snapshot as it leaves, and as it is merged; the
 *   deliver_full()    receiver stages it, so one that is cut short never came
 *   save(), restore() a state file older than what its node has said since; the
 *                     next life has a writer of its own
 *
 * Not in here: the fields of objects (last writer wins), keys that two objects
 * share, the epoch of a reset.
 *
 * A set of dots is a mask: dot `seq` of writer w is bit w * SEQS + seq. A
 * version vector is the mask of the dots it covers. Beside its state each node,
 * file and message carries a ghost: the adds and the removes that led to it. A
 * node must have what was added and not removed in that history, no more
 * (nothing comes back) and no less (nothing acknowledged is lost); and so must
 * all, with the same state, when they have merged in pairs. Both are checked
 * after each step.
 *
 * Faults that Spin must find (-D; one at a time):
 *   TOMBSTONE_GC  tombstones that expire, instead of the version vector
 *   NOGAP         an ADD is taken although one before it did not come
 *   PARTIAL       a full is merged although an object of it did not come
 *   REUSE         a node that was rolled back goes on with its old writer
 *   REIMPORT      an import puts everything in place, whatever the node knows
 *   NEWIMPORT     an import draws a new writer, as a command does
 * and REACH, which says that what the model is about never happens.
 */

#ifndef OPS
#define OPS 3 /* adds and removes, at all nodes together */
#endif
#ifndef LIVES
#define LIVES 2 /* of node 0: which one it is does not matter */
#endif
#ifndef SEQS
#define SEQS 2 /* dots of one writer */
#endif

#if defined(TOMBSTONE_GC) || defined(NOGAP) || defined(PARTIAL) || \
    defined(REUSE) || defined(REIMPORT) || defined(NEWIMPORT)
#define FAULT
#endif

#define NODES 3

/* Writers: one of each node, one of each further life of node 0, the file's. */
#define WRITERS (NODES + LIVES)
#define WRITER(n) (((n) == 0 && life > 0) -> NODES - 1 + life : (n))
#define FILE_WRITER (WRITERS - 1)
#define OF_WRITER(w) (((1 << SEQS) - 1) << (w) * SEQS)
#define FILE_DOTS OF_WRITER(FILE_WRITER)

#if WRITERS * SEQS > 15
#error "LIVES, SEQS: more dots than a short has bits, or ON_DOT names"
#endif

#define BIT(dot) (1 << (dot))
#define BEFORE(dot) (((1 << ((dot) % SEQS)) - 1) << ((dot) - (dot) % SEQS))

/* REUSE: what node 0 adds in its second life has the dots of its first, so two
 * objects are the same to all who compare dots; one of both is kept. */
#ifdef REUSE
#define FIRST OF_WRITER(0)
#define SHIFT (NODES * SEQS)
#define SAME(set) \
	((set) | ((set) & FIRST) << SHIFT | (((set) >> SHIFT) & FIRST))
#define ONE_OF(set) ((set) & ~(((set) >> SHIFT) & FIRST))
#else
#define SAME(set) (set)
#define ONE_OF(set) (set)
#endif

/* NEWIMPORT: the second life imports with a writer of its own. The objects have
 * the names of those that the file's own writer added. */
#ifdef NEWIMPORT
#define SECOND OF_WRITER(NODES)
#define NAMES(set) (((set) & ~SECOND) | ((set) & SECOND) << SEQS)
#define IMPORT_DOTS(n) (((n) == 0 && life > 0) -> SECOND : FILE_DOTS)
#else
#define NAMES(set) (set)
#define IMPORT_DOTS(n) FILE_DOTS
#endif

typedef state {
	short live; /* the objects */
	short vv;   /* the dots that the version vector covers */
#ifdef TOMBSTONE_GC
	short tomb;
#endif
	short added; /* the ghost */
	short removed
};

state node[NODES];
state snapshot; /* the snapshot that is on its way */
state file; /* node 0's state file, as it was once */
bool saved = (LIVES == 1); /* not again in this life */
byte life;
short adds; /* deltas ever sent: each may come at any time, and again */
short removes;
byte ops;
bool acted; /* node 1 did: see MAY_ACT */

hidden state x, y, z;
hidden short both, one, new;
hidden byte dot;

/* Nodes 1 and 2 are alike: it is node 1 that has the first command. */
#define MAY_ACT(n) (ops < OPS && ((n) != 2 || acted))

inline copy(to, from)
{
	to.live = from.live;
	to.vv = from.vv;
#ifdef TOMBSTONE_GC
	to.tomb = from.tomb;
#endif
	to.added = from.added;
	to.removed = from.removed
}

inline clear(s)
{
	s.live = 0;
	s.vv = 0;
#ifdef TOMBSTONE_GC
	s.tomb = 0;
#endif
	s.added = 0;
	s.removed = 0
}

inline merge_objects(to, from)
{
#ifdef TOMBSTONE_GC
	to.tomb = to.tomb | from.tomb;
	to.live = (to.live | from.live) & ~to.tomb;
#else
	both = (to.live & SAME(from.live)) | (from.live & SAME(to.live));
	one = (to.live & ~from.vv) | (from.live & ~to.vv);
	to.live = ONE_OF(both) | one;
#endif
	to.vv = to.vv | from.vv
}

inline merge(to, from)
{
	merge_objects(to, from);
	to.added = to.added | from.added;
	to.removed = to.removed | from.removed
}

/* What a node has is its history, no more and no less. */
inline check_state(s)
{
	assert((NAMES(s.live) & NAMES(s.removed)) == 0);
	assert(NAMES(s.live) == (NAMES(s.added) & ~NAMES(s.removed)));
#ifndef FAULT
	/* Faults are to be found by what becomes of them, not by this. */
	assert(s.vv == s.added)
#endif
}

/* All merge in pairs: in whatever order, the same comes out. */
inline check_convergence()
{
	copy(x, node[0]);
	merge(x, node[1]);
	merge(x, node[2]);
	copy(y, node[2]);
	merge(y, node[1]);
	merge(y, node[0]);
	assert(x.live == y.live && x.vv == y.vv);
	copy(z, node[2]);
	merge(z, node[0]);
	copy(y, node[1]);
	merge(y, z);
	assert(x.live == y.live && x.vv == y.vv);
	check_state(x);
#ifdef REACH
	/* What node 0 added in both lives is there, what was removed of the
	 * file is not, though node 0 imported it again. */
	assert(!(life == 1 && (x.live & OF_WRITER(0)) &&
	    (x.live & OF_WRITER(NODES)) && (x.removed & FILE_DOTS) &&
	    node[0].added == ((x.live & OF_WRITER(NODES)) | FILE_DOTS) &&
	    (node[0].live & x.removed)))
#endif
}

inline check(n)
{
	check_state(node[n]);
	check_convergence()
}

inline acknowledge(n)
{
	ops++;
	acted = acted || n == 1 || ops == OPS
}

inline add(n)
{
	dot = WRITER(n) * SEQS;
	new = SAME(BIT(dot));
	do
	:: node[n].vv & new ->
		dot++;
		new = SAME(BIT(dot))
	:: else ->
		break
	od;
	node[n].live = node[n].live | BIT(dot);
	node[n].vv = node[n].vv | new;
	node[n].added = node[n].added | BIT(dot);
	adds = adds | BIT(dot);
	acknowledge(n);
	check(n)
}

inline remove(n, e)
{
	node[n].live = node[n].live & ~BIT(e);
#ifdef TOMBSTONE_GC
	node[n].tomb = node[n].tomb | BIT(e);
#endif
	node[n].removed = node[n].removed | BIT(e);
	removes = removes | BIT(e);
	acknowledge(n);
	check(n)
}

inline import(n)
{
	clear(x);
	x.live = IMPORT_DOTS(n);
	x.vv = IMPORT_DOTS(n);
	x.added = IMPORT_DOTS(n);
	adds = adds | IMPORT_DOTS(n);
	merge(node[n], x);
#ifdef REIMPORT
	node[n].live = node[n].live | IMPORT_DOTS(n);
#endif
	check(n)
}

inline deliver_add(n, e)
{
#ifdef TOMBSTONE_GC
	node[n].live = node[n].live | (BIT(e) & ~node[n].tomb);
	node[n].vv = node[n].vv | BIT(e);
	node[n].added = node[n].added | BIT(e);
#else
	if
	:: node[n].vv & BIT(e) ->
		/* Known: still there, or gone for good. */
		node[n].added = node[n].added | BIT(e)
	:: !(node[n].vv & BIT(e)) &&
	    (node[n].vv & BEFORE(e)) == BEFORE(e) ->
		node[n].live = node[n].live | BIT(e);
		node[n].vv = node[n].vv | SAME(BIT(e));
		node[n].added = node[n].added | BIT(e)
	:: else ->
#ifdef NOGAP
		node[n].live = node[n].live | BIT(e);
		node[n].vv = node[n].vv | BEFORE(e) | BIT(e);
		node[n].added = node[n].added | BIT(e)
#else
		skip /* asks for a full, which comes whenever it likes */
#endif
	fi;
#endif
	check(n)
}

inline deliver_remove(n, e)
{
#ifdef TOMBSTONE_GC
	node[n].live = node[n].live & ~BIT(e);
	node[n].tomb = node[n].tomb | BIT(e);
	node[n].removed = node[n].removed | BIT(e);
#else
	if
	:: node[n].vv & BIT(e) ->
		node[n].live = node[n].live & ~SAME(BIT(e));
		node[n].removed = node[n].removed | BIT(e)
	:: else ->
		skip /* asks for a full */
	fi;
#endif
	check(n)
}

inline take_full(n)
{
	copy(snapshot, node[n])
}

inline deliver_full(n)
{
	merge(node[n], snapshot);
	check(n)
}

inline deliver_without(n, e)
{
	copy(x, snapshot);
	x.live = x.live & ~BIT(e);
	merge(node[n], x);
	check(n)
}

inline save()
{
	copy(file, node[0]);
	saved = true
}

/* From the file that was saved, or from none at all. */
inline restore()
{
	copy(node[0], file);
	clear(file);
	life++;
	saved = (life == LIVES - 1);
	check(0)
}

#define SAY(what) printf(what, _pid)
#define SAY_DOT(what, e) printf(what, _pid, (e) / SEQS, (e) % SEQS)

#ifdef PARTIAL
#define WITHOUT(e) \
	:: d_step { snapshot.live & BIT(e) -> \
		SAY_DOT("node %d merges a full without %d.%d\n", e); \
		deliver_without(_pid, e) }
#else
#define WITHOUT(e)
#endif

#define ON_DOT(e) \
	:: d_step { adds & BIT(e) -> \
		SAY_DOT("node %d gets add %d.%d\n", e); deliver_add(_pid, e) } \
	:: d_step { removes & BIT(e) -> \
		SAY_DOT("node %d gets remove %d.%d\n", e); \
		deliver_remove(_pid, e) } \
	:: d_step { MAY_ACT(_pid) && (node[_pid].live & BIT(e)) -> \
		SAY_DOT("node %d removes %d.%d\n", e); remove(_pid, e) } \
	WITHOUT(e)

#define OWN_DOTS OF_WRITER(WRITER(_pid))

active [NODES] proctype replica()
{
end:	do
	:: d_step { MAY_ACT(_pid) &&
	    (node[_pid].vv & SAME(OWN_DOTS)) != SAME(OWN_DOTS) ->
		add(_pid); SAY_DOT("node %d adds %d.%d\n", dot) }
	:: d_step { (node[_pid].vv & IMPORT_DOTS(_pid)) != IMPORT_DOTS(_pid) ->
		SAY("node %d imports\n"); import(_pid) }
	:: d_step { node[_pid].vv != snapshot.vv ||
	    node[_pid].live != snapshot.live ->
		SAY("node %d sends a full\n"); take_full(_pid) }
	:: d_step { snapshot.vv ->
		SAY("node %d merges a full\n"); deliver_full(_pid) }
	:: d_step { _pid == 0 && !saved && node[0].vv ->
		SAY("node %d saves\n"); save() }
	:: d_step { _pid == 0 && life < LIVES - 1 ->
		SAY("node %d restarts\n"); restore() }
#ifdef TOMBSTONE_GC
	:: d_step { node[_pid].tomb ->
		SAY("node %d forgets its tombstones\n"); node[_pid].tomb = 0 }
#endif
	ON_DOT(0) ON_DOT(1) ON_DOT(2) ON_DOT(3) ON_DOT(4)
	ON_DOT(5) ON_DOT(6) ON_DOT(7)
#if WRITERS * SEQS > 8
	ON_DOT(8) ON_DOT(9)
#endif
#if WRITERS * SEQS > 10
	ON_DOT(10) ON_DOT(11)
#endif
#if WRITERS * SEQS > 12
	ON_DOT(12) ON_DOT(13) ON_DOT(14)
#endif
	od
}
