/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/show.h"

#include <stdio.h>
#include <string.h>

/* The codes of the lines that are read; BIRD's doc/reply_codes has them all. */
#define CODE_PROTOCOL 1002
#define CODE_DETAILS  1006
#define CODE_ROUTE    1007

#define INFO_PART_MAX 200

struct word {
	const char *start;
	size_t len;
};

/* The next word, which may be empty at the end; moves *text past it. */
static struct word
next_word(const char **text)
{
	struct word w;

	w.start = *text + strspn(*text, " ");
	w.len = strcspn(w.start, " ");
	*text = w.start + w.len;
	return w;
}

static bool
word_is(const struct word *w, const char *text)
{
	return w->len == strlen(text) && memcmp(w->start, text, w->len) == 0;
}

/* What follows `start` and spaces in the text; NULL: it starts otherwise. */
static const char *
after(const char *text, const char *start)
{
	size_t len = strlen(start);

	if (strncmp(text, start, len) != 0)
		return NULL;
	return text + len + strspn(text + len, " ");
}

void
show_version(const char *text, char version[SHOW_VERSION_MAX])
{
	const char *rest = after(text, "BIRD ");
	struct word w = {"", 0};

	if (rest != NULL)
		w = next_word(&rest);
	reply_printable(version, SHOW_VERSION_MAX, w.start, w.len);
}

/* As BIRD's lexer takes symbols, with or without apostrophes. */
static bool
is_name(const struct word *w)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.:";

	return w->len > 0 && w->len <= SHOW_NAME_MAX &&
	    strspn(w->start, allowed) >= w->len;
}

static const char *
copy_name(struct arena *arena, const struct word *w, struct errmsg *why)
{
	const char *name;
	char clean[48];

	if (!is_name(w)) {
		reply_printable(clean, sizeof(clean), w->start, w->len);
		errmsg_set(
		    why, "a name that BIRD does not allow: \"%s\"", clean);
		return NULL;
	}
	if ((name = arena_copy(arena, w->start, w->len)) == NULL)
		errmsg_set(why, "out of memory for its sessions");
	return name;
}

/* A text for people, cut where it is too long. */
static int
copy_text(
    struct arena *arena, const char **out, const char *text, struct errmsg *why)
{
	size_t len = strlen(text);
	char clean[INFO_PART_MAX];

	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (len == 0)
		return 0;
	reply_printable(clean, sizeof(clean), text, len);
	*out = arena_copy(arena, clean, strlen(clean));
	return *out != NULL ? 0
			    : errmsg_set(why, "out of memory for its sessions");
}

void
show_protocols_init(struct show_protocols *p, struct arena *arena)
{
	STAILQ_INIT(&p->sessions);
	p->n_sessions = 0;
	p->arena = arena;
	p->session = NULL;
	p->channel = NULL;
}

/* "up4        BGP        ---        up     23:44:07.891  Established   ". What
 * comes after the state is not read: its format is the operator's choice. */
static int
read_protocol(struct show_protocols *p, const char *text, struct errmsg *why)
{
	struct word name = next_word(&text), type = next_word(&text), state;
	struct show_session *s;

	p->session = NULL;
	p->channel = NULL;
	if (!word_is(&type, "BGP"))
		return 0;
	if (p->n_sessions == SHOW_SESSIONS_MAX)
		return errmsg_set(
		    why, "more than %d BGP sessions", SHOW_SESSIONS_MAX);
	if ((s = arena_alloc(p->arena, 1, sizeof(*s))) == NULL)
		return errmsg_set(why, "out of memory for its sessions");
	if ((s->name = copy_name(p->arena, &name, why)) == NULL)
		return -1;
	next_word(&text); /* the table: each channel has its own */
	state = next_word(&text);
	s->state = word_is(&state, "up") ? SHOW_UP
	    : word_is(&state, "start")   ? SHOW_START
					 : SHOW_DOWN;
	STAILQ_INSERT_TAIL(&p->sessions, s, entry);
	p->n_sessions++;
	p->session = s;
	return 0;
}

static void
begin_channel(struct show_protocols *p, const char *kind)
{
	struct show_channel *channels = p->session->channels;

	if (strcmp(kind, "ipv4") == 0)
		p->channel = &channels[SHOW_IPV4];
	else if (strcmp(kind, "ipv6") == 0)
		p->channel = &channels[SHOW_IPV6];
	else
		p->channel = NULL;
}

static int
read_channel(struct show_protocols *p, const char *text, struct errmsg *why)
{
	struct word w;

	if (after(text, "State:") != NULL) {
		p->channel->up = strcmp(after(text, "State:"), "UP") == 0;
		return 0;
	}
	if ((text = after(text, "Table:")) == NULL)
		return 0;
	w = next_word(&text);
	p->channel->table = copy_name(p->arena, &w, why);
	return p->channel->table != NULL ? 0 : -1;
}

static int
read_details(struct show_protocols *p, const char *text, struct errmsg *why)
{
	struct show_session *s = p->session;
	const char *value;

	text += strspn(text, " ");
	if ((value = after(text, "Channel ")) != NULL) {
		begin_channel(p, value);
		return 0;
	}
	if (p->channel != NULL)
		return read_channel(p, text, why);
	if ((value = after(text, "BGP state:")) != NULL)
		return copy_text(p->arena, &s->bgp_state, value, why);
	if ((value = after(text, "Last error:")) != NULL)
		return copy_text(p->arena, &s->error, value, why);
	if ((value = after(text, "Message:")) != NULL)
		return copy_text(p->arena, &s->message, value, why);
	return 0;
}

int
show_protocols_line(
    struct show_protocols *p, const struct reply_line *line, struct errmsg *why)
{
	if (line->code == CODE_PROTOCOL)
		return read_protocol(p, line->text, why);
	if (line->code == CODE_DETAILS && p->session != NULL)
		return read_details(p, line->text, why);
	return 0;
}

/* The last error and message stay after the session is up again. */
char *
show_info(const struct show_session *s, char out[SHOW_INFO_MAX])
{
	const char *state = s->bgp_state != NULL ? s->bgp_state : "";
	const char *reason = s->error != NULL ? s->error : s->message;

	if (reason != NULL && s->state != SHOW_UP)
		snprintf(out, SHOW_INFO_MAX, "%.40s (%s)", state, reason);
	else
		snprintf(out, SHOW_INFO_MAX, "%s", state);
	return out;
}

/* "203.0.113.1/32" or "2001:db8::1/128". */
static bool
is_host(const struct word *net, struct addr *addr)
{
	const char *slash = memchr(net->start, '/', net->len);
	char text[ADDR_TEXT_MAX];
	struct word len;

	if (slash == NULL || (size_t)(slash - net->start) >= sizeof(text))
		return false;
	memcpy(text, net->start, (size_t)(slash - net->start));
	text[slash - net->start] = '\0';
	if (addr_parse(addr, text) == -1)
		return false;
	len.start = slash + 1;
	len.len = net->len - (size_t)(len.start - net->start);
	return word_is(&len, addr_is4(addr) ? "32" : "128");
}

/* The name after the bracket: "unicast [kvip4 23:44:06.895] * (10)". */
static void
find_source(struct show_route *route, const char *text)
{
	struct word w;

	route->source = "";
	route->source_len = 0;
	if ((w.start = strchr(text, '[')) == NULL)
		return;
	w.start++;
	w.len = strcspn(w.start, " ]");
	if (!is_name(&w))
		return;
	route->source = w.start;
	route->source_len = w.len;
}

/* Networks begin their line; everything else about them is indented. */
enum show_route_kind
show_route(const struct reply_line *line, struct show_route *route)
{
	const char *text = line->text;
	struct word net;

	if (line->code != CODE_ROUTE || strchr(" \t", *text) != NULL ||
	    after(text, "Table ") != NULL)
		return SHOW_NO_ROUTE;
	net = next_word(&text);
	if (!is_host(&net, &route->addr))
		return SHOW_OTHER_ROUTE;
	find_source(route, text);
	return SHOW_HOST_ROUTE;
}
