/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/failure.h"

#include <errno.h>
#include <string.h>

struct failure
failure_connect(int error, const struct errmsg *cause)
{
	struct failure f;

	switch (error) {
	case EACCES:
	case EPERM:
		f.state = BIRD_DENIED;
		errmsg_set(&f.why,
		    "%s; add the agent's user to the group of BIRD's socket",
		    cause->text);
		break;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		/* Says nothing about BIRD, whose state is not known. */
		f.state = BIRD_GARBLED;
		f.why = *cause;
		break;
	default:
		f.state = BIRD_ABSENT;
		errmsg_set(&f.why,
		    "%s; start BIRD, or say where its control socket is",
		    cause->text);
		break;
	}
	return f;
}

struct failure
failure_silent(const char *path, unsigned ms)
{
	struct failure f = {.state = BIRD_SILENT};

	errmsg_set(&f.why,
	    "%s: BIRD does not answer within %u.%u s: it is stopped, or hangs; "
	    "look at it, and restart it",
	    path, ms / 1000, ms % 1000 / 100);
	return f;
}

struct failure
failure_stranger(const char *path, const char *what)
{
	struct failure f = {.state = BIRD_GARBLED};

	errmsg_set(&f.why, "%s: %s; is it the control socket of a BIRD 2?",
	    path, what);
	return f;
}

struct failure
failure_reading(const char *path, const char *what)
{
	struct failure f = {.state = BIRD_GARBLED};

	errmsg_set(&f.why, "%s: BIRD cannot be read: %s", path, what);
	return f;
}

bool
failure_equal(const struct failure *a, const struct failure *b)
{
	return a->state == b->state && strcmp(a->why.text, b->why.text) == 0;
}

struct bird_report *
failure_report(const struct failure *f)
{
	struct arena *arena = arena_new();
	struct bird_report *r;

	if (arena == NULL)
		return NULL;
	r = arena_alloc(arena, 1, sizeof(*r));
	if (r != NULL) {
		r->arena = arena;
		r->state = f->state;
		r->why = arena_copy(arena, f->why.text, strlen(f->why.text));
		r->version = "";
	}
	if (r == NULL || r->why == NULL) {
		arena_free(arena);
		return NULL;
	}
	return r;
}
