/* SPDX-License-Identifier: Apache-2.0 */
/* BIRD's replies into lines, and the lines of its `show` commands into values.
 * Whatever is fed is fed whole, cut in two at every byte, and byte by byte: the
 * outcome must be the same. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/bird/reply.h"
#include "agent/bird/show.h"
#include "tests/unit/bird_samples.h"
#include "tests/unit/unit.h"

/* What a parser made of its input, as text. */
struct outcome {
	char *text;
	size_t len;
};

/* Takes lines, and writes what it makes of them. */
struct reader {
	void (*begin)(struct reader *);
	void (*line)(struct reader *, const struct reply_line *);
	void (*end)(struct reader *);
	FILE *out;
	struct arena *arena;
	struct show_protocols protocols;
};

static bool
feed(struct reader *reader, struct reply *reply, const char *data, size_t len)
{
	enum reply_result result;
	struct reply_line line;
	struct errmsg why;
	/* In a block of its own size, so that ASan sees a byte too many. */
	char *copy = malloc(len > 0 ? len : 1);
	const char *at = copy;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	while (
	    (result = reply_next(reply, &at, &len, &line, &why)) == REPLY_LINE)
		reader->line(reader, &line);
	if (result == REPLY_BAD)
		fprintf(reader->out, "BAD %s\n", why.text);
	else
		ck_assert_uint_eq(len, 0);
	free(copy);
	return result != REPLY_BAD;
}

/* In pieces of `piece` bytes, the first one of `first`. */
static struct outcome
read_pieces(struct reader *reader, const char *data, size_t len, size_t first,
    size_t piece)
{
	struct outcome outcome;
	struct reply reply;
	size_t n = first < len ? first : len;

	reader->out = open_memstream(&outcome.text, &outcome.len);
	ck_assert_ptr_nonnull(reader->out);
	reader->begin(reader);
	reply_init(&reply);
	while (feed(reader, &reply, data, n) && len > n) {
		data += n;
		len -= n;
		n = piece < len ? piece : len;
	}
	reader->end(reader);
	fclose(reader->out);
	return outcome;
}

/* Returns the outcome, which is the same however it is cut. */
static char *
read_all(struct reader *reader, const char *data)
{
	size_t len = strlen(data);
	struct outcome whole = read_pieces(reader, data, len, len, len), other;

	for (size_t cut = 0; cut <= len; cut++) {
		other = read_pieces(reader, data, len, cut, len);
		ck_assert_msg(strcmp(whole.text, other.text) == 0,
		    "cut at %zu: \"%s\", not \"%s\"", cut, other.text,
		    whole.text);
		free(other.text);
	}
	other = read_pieces(reader, data, len, 1, 1);
	ck_assert_str_eq(other.text, whole.text);
	free(other.text);
	return whole.text;
}

/* Truncated anywhere: no more than is there is read. */
static void
read_truncated(struct reader *reader, const char *data)
{
	for (size_t cut = 0; cut < strlen(data); cut++)
		free(read_pieces(reader, data, cut, cut, cut).text);
}

static void
check_outcome(struct reader *reader, const char *data, const char *expected)
{
	char *got = read_all(reader, data);

	ck_assert_str_eq(got, expected);
	free(got);
	read_truncated(reader, data);
}

/* Lines ------------------------------------------------------------------- */

static void
no_op(struct reader *reader)
{
	(void)reader;
}

static void
write_line(struct reader *reader, const struct reply_line *line)
{
	fprintf(reader->out, "%u%c%s\n", line->code, line->last ? ' ' : '-',
	    line->text);
}

static struct reader lines = {.begin = no_op, .line = write_line, .end = no_op};

static const struct {
	const char *data, *outcome;
} line_rows[] = {
    {"", ""},
    {"0001 BIRD 2.0.12 ready.\n", "1 BIRD 2.0.12 ready.\n"},
    {"0000 \n", "0 \n"},
    {"1007-Table a:\n b\n  \tc\n0000 \n",
	"1007-Table a:\n1007-b\n1007- \tc\n0 \n"},
    {"1000-a\n1011-b\n c\n0013 d\n", "1000-a\n1011-b\n1011-c\n13 d\n"},
    {"9999-\n \n9999 \n", "9999-\n9999-\n9999 \n"},
    /* Two replies in one piece. */
    {"0016 a\n0013 b\n", "16 a\n13 b\n"},
    /* Asynchronous lines, anywhere. */
    {"+x\n1007-a\n+y\n b\n+\n+ 1\n0000 \n+z\n", "1007-a\n1007-b\n0 \n"},
    /* Not complete. */
    {"1007-a\n b", "1007-a\n"},
    {"0000", ""},
    {"+", ""},
    /* Bytes that are not ASCII are the reader's to judge. */
    {"1006-\xc3\xa9\x01\r\n", "1006-\xc3\xa9\x01\r\n"},
    /* Garbage. */
    {"\n", "BAD not a line of BIRD's: \"\"\n"},
    {"HTTP/1.1 400 Bad Request\r\n",
	"BAD not a line of BIRD's: \"HTTP/1.1 400 Bad Request?\"\n"},
    {"0000\n", "BAD not a line of BIRD's: \"0000\"\n"},
    {"0000+\n", "BAD not a line of BIRD's: \"0000+\"\n"},
    {"000 \n", "BAD not a line of BIRD's: \"000 \"\n"},
    {"-001 a\n", "BAD not a line of BIRD's: \"-001 a\"\n"},
    {"0x01 a\n", "BAD not a line of BIRD's: \"0x01 a\"\n"},
    {"00001 a\n", "BAD not a line of BIRD's: \"00001 a\"\n"},
    /* A continuation of nothing. */
    {" a\n", "BAD not a line of BIRD's: \" a\"\n"},
    {"0000 \n a\n", "0 \nBAD not a line of BIRD's: \" a\"\n"},
    {"<3 messages lost>\n",
	"BAD not a line of BIRD's: \"<3 messages lost>\"\n"},
    {"0123456789012345678901234567890123456789012345678901234567890\n",
	"BAD not a line of BIRD's: "
	"\"01234567890123456789012345678901234567890123456\"\n"},
};

START_TEST(lines_of_replies)
{
	check_outcome(&lines, line_rows[_i].data, line_rows[_i].outcome);
}
END_TEST

START_TEST(nul_is_garbage)
{
	struct outcome o = read_pieces(&lines, "1007-a\0b\n", 9, 9, 9);

	ck_assert_str_eq(o.text, "BAD not a line of BIRD's: \"1007-a?b\"\n");
	free(o.text);
}
END_TEST

/* A line of so many bytes, with its end. */
static char *
long_line(size_t len)
{
	char *data = malloc(len + 1);

	ck_assert_ptr_nonnull(data);
	memset(data, 'x', len);
	memcpy(data, "0000 ", 5);
	data[len - 1] = '\n';
	data[len] = '\0';
	return data;
}

START_TEST(line_limit)
{
	static const struct {
		size_t len;
		bool good;
	} rows[] = {{REPLY_LINE_MAX - 1, true}, {REPLY_LINE_MAX, true},
	    {REPLY_LINE_MAX + 1, false}, {2 * REPLY_LINE_MAX, false}};

	for (int i = 0; i < ROWS(rows); i++) {
		char *data = long_line(rows[i].len);
		struct outcome o = read_pieces(
		    &lines, data, rows[i].len, rows[i].len / 2, 1000);

		if (rows[i].good)
			ck_assert_uint_eq(o.len, rows[i].len - 3);
		else
			ck_assert_str_eq(
			    o.text, "BAD a line of more than 4096 bytes\n");
		free(o.text);
		free(data);
	}
}
END_TEST

/* So much of one line after the other, until it is too much: how many bytes
 * were taken. */
static size_t
flood(const char *line, struct errmsg *why)
{
	enum reply_result result = REPLY_LINE;
	struct reply reply;
	size_t taken = 0;

	reply_init(&reply);
	while (result != REPLY_BAD) {
		const char *data = line;
		size_t len = strlen(line);
		struct reply_line got;

		result = reply_next(&reply, &data, &len, &got, why);
		if (result != REPLY_BAD)
			taken += strlen(line);
		ck_assert_uint_le(taken, REPLY_MAX);
	}
	return taken;
}

START_TEST(reply_limit)
{
	static const char *const endless[] = {
	    "1007-and so on\n", "+and so on\n"};
	struct errmsg why;

	for (int i = 0; i < ROWS(endless); i++) {
		size_t len = strlen(endless[i]);

		ck_assert_uint_eq(
		    flood(endless[i], &why), REPLY_MAX / len * len);
		ck_assert_str_eq(
		    why.text, "a reply of more than 8388608 bytes");
	}
}
END_TEST

/* Many replies one after the other are no long one. */
START_TEST(limit_is_for_one_reply)
{
	static const char last[] = "0013 Daemon is up and running\n";
	struct reply_line line;
	struct errmsg why;
	struct reply reply;

	reply_init(&reply);
	for (size_t taken = 0; taken < 2 * REPLY_MAX; taken += sizeof(last)) {
		const char *data = last;
		size_t len = strlen(last);

		ck_assert_int_eq(
		    reply_next(&reply, &data, &len, &line, &why), REPLY_LINE);
	}
}
END_TEST

/* Version ----------------------------------------------------------------- */

static const struct {
	const char *text, *version;
} version_rows[] = {
    {"BIRD 2.0.12 ready.", "2.0.12"},
    {"BIRD 2.0.12", "2.0.12"},
    {"BIRD 3.1.2+branch.mq-x.1a2b3c ready.", "3.1.2+branch.mq-x.1a2b3c"},
    {"BIRD ", ""},
    {"BIRD", ""},
    {"", ""},
    {"220 mail.example.net ESMTP", ""},
    {"BIRD 2.0\t\x1b[31m ready.", "2.0??[31m"},
    {"BIRD 0123456789012345678901234567890123456789", /* cut */
	"0123456789012345678901234567890"},
};

START_TEST(versions)
{
	char version[SHOW_VERSION_MAX];

	show_version(version_rows[_i].text, version);
	ck_assert_str_eq(version, version_rows[_i].version);
}
END_TEST

/* Protocols --------------------------------------------------------------- */

static void
begin_protocols(struct reader *reader)
{
	ck_assert_ptr_nonnull(reader->arena = arena_new());
	show_protocols_init(&reader->protocols, reader->arena);
}

static void
read_protocol_line(struct reader *reader, const struct reply_line *line)
{
	struct errmsg why;

	if (show_protocols_line(&reader->protocols, line, &why) == -1)
		fprintf(reader->out, "BAD %s\n", why.text);
	else if (line->last)
		fprintf(reader->out, "last %u\n", line->code);
}

static void
write_channel(FILE *out, const struct show_channel *c)
{
	fprintf(out, " %s%s", c->table != NULL ? c->table : "-",
	    c->up ? "(up)" : "");
}

static void
end_protocols(struct reader *reader)
{
	static const char *const states[] = {"down", "start", "up"};
	const struct show_session *s;
	char info[SHOW_INFO_MAX];

	STAILQ_FOREACH (s, &reader->protocols.sessions, entry) {
		fprintf(reader->out, "%s %s", s->name, states[s->state]);
		write_channel(reader->out, &s->channels[SHOW_IPV4]);
		write_channel(reader->out, &s->channels[SHOW_IPV6]);
		fprintf(reader->out, ": %s\n", show_info(s, info));
	}
	arena_free(reader->arena);
}

static struct reader protocols = {
    .begin = begin_protocols, .line = read_protocol_line, .end = end_protocols};

static const struct {
	const char *data, *outcome;
} protocol_rows[] = {
    {sample_protocols,
	"last 0\n"
	"up4 up vip4(up) -: Established\n"
	"up.both-1 up vip4(up) vip6(up): Established\n"
	"refused_with_a_long_name start vip4 -: "
	"Active (Socket: Connection refused)\n"
	"byhand down vip4 -: Down (for work)\n"},
    {sample_iso_long, "last 0\nup4 up vip4(up) -: Established\n"},
    {sample_half_up, "last 0\nup.both-1 up vip4 vip6(up): Established\n"},
    {sample_shut_down,
	"last 0\n"
	"n4 start master4 -: Passive (Received: Administrative shutdown)\n"},
    {sample_unknown, "last 9001\n"},
    /* As the source of BIRD 3 has it: not recorded. */
    {"2002-Name       Proto      Table      State  Since         Info\n"
     "1002-up4        BGP        ---        up     2025-01-01    Established\n"
     "1006-  Created:            2025-01-01\n"
     "   BGP state:          Established\n"
     "     Neighbor address: 198.51.100.1\n"
     "   Channel ipv4\n"
     "     State:          UP\n"
     "     Import state:   UP\n"
     "     Export state:   READY\n"
     "     Table:          vip4\n"
     " \n"
     "0000 \n",
	"last 0\nup4 up vip4(up) -: Established\n"},
    /* Nothing but what is needed. */
    {"1002-a BGP - up\n0000 \n", "last 0\na up - -: \n"},
    {"1002-a BGP - stop x y\n0000 \n", "last 0\na down - -: \n"},
    {"1002-a BGP\n0000 \n", "last 0\na down - -: \n"},
    {"1002-a\n1002-\n0000 \n", "last 0\n"},
    /* What belongs to no session of BGP. */
    {"1006-  BGP state: Established\n1002-a OSPF - up\n"
     "1006-  Channel ipv4\n     Table: t\n0000 \n",
	"last 0\n"},
    /* A channel's lines are a channel's, and others are left out. */
    {"1002-a BGP - up\n1006- State: UP\n Table: x\n Channel ipv4-mpls\n"
     "  State: UP\n  Table: y\n Channel ipv6\n  Table: z\n BGP state: Idle\n"
     "0000 \n",
	"last 0\na up - z: \n"},
    /* The last error of a session that is up again is of no interest. */
    {"1002-a BGP - up\n1006-BGP state: Established\n Last error: x\n0000 \n",
	"last 0\na up - -: Established\n"},
    /* A neighbour's words are no orders to a terminal. */
    {"1002-a BGP - down\n1006-BGP state: Down\n Message: \x1b[2J\xc3\xa9! \n"
     "0000 \n",
	"last 0\na down - -: Down (?[2J?\?!)\n"},
    /* The names are sent back to BIRD. */
    {"1002-a'b BGP - up\n0000 \n",
	"BAD a name that BIRD does not allow: \"a'b\"\nlast 0\n"},
    {"1002-a BGP - up\n1006-Channel ipv4\n Table: ;x\n0000 \n",
	"BAD a name that BIRD does not allow: \";x\"\nlast 0\n"
	"a up - -: \n"},
    {"1002-a BGP - up\n1006-Channel ipv4\n Table:\n0000 \n",
	"BAD a name that BIRD does not allow: \"\"\nlast 0\n"
	"a up - -: \n"},
};

START_TEST(sessions)
{
	check_outcome(
	    &protocols, protocol_rows[_i].data, protocol_rows[_i].outcome);
}
END_TEST

static int
give_protocol(struct show_protocols *p, const char *name, struct errmsg *why)
{
	struct reply_line line = {.code = 1002};
	char text[512];

	snprintf(text, sizeof(text), "%s BGP --- up", name);
	line.text = text;
	return show_protocols_line(p, &line, why);
}

START_TEST(name_limit)
{
	struct arena *arena = arena_new();
	struct show_protocols p;
	struct errmsg why;
	char name[SHOW_NAME_MAX + 2];

	memset(name, 'x', sizeof(name));
	name[SHOW_NAME_MAX + 1] = '\0';
	show_protocols_init(&p, arena);
	ck_assert_int_eq(give_protocol(&p, name, &why), -1);
	name[SHOW_NAME_MAX] = '\0';
	ck_assert_int_eq(give_protocol(&p, name, &why), 0);
	ck_assert_str_eq(STAILQ_FIRST(&p.sessions)->name, name);
	arena_free(arena);
}
END_TEST

START_TEST(session_limit)
{
	struct arena *arena = arena_new();
	struct show_protocols p;
	struct errmsg why;

	show_protocols_init(&p, arena);
	for (int i = 0; i < SHOW_SESSIONS_MAX; i++)
		ck_assert_int_eq(give_protocol(&p, "a", &why), 0);
	ck_assert_int_eq(give_protocol(&p, "a", &why), -1);
	ck_assert_str_eq(why.text, "more than 1000 BGP sessions");
	arena_free(arena);
}
END_TEST

/* Every text is cut, and the whole stays one line. */
START_TEST(info_limit)
{
	static char word[REPLY_LINE_MAX];
	struct arena *arena = arena_new();
	struct reply_line line = {.code = 1006, .text = word};
	struct show_protocols p;
	struct errmsg why;
	char info[SHOW_INFO_MAX];

	show_protocols_init(&p, arena);
	ck_assert_int_eq(give_protocol(&p, "a", &why), 0);
	memset(word, 'x', sizeof(word) - 1);
	memcpy(word, "BGP state:", 10);
	ck_assert_int_eq(show_protocols_line(&p, &line, &why), 0);
	show_info(STAILQ_FIRST(&p.sessions), info);
	ck_assert_uint_eq(strlen(info), 199);
	p.session->state = SHOW_DOWN;
	memcpy(word, "Last error:", 11);
	ck_assert_int_eq(show_protocols_line(&p, &line, &why), 0);
	show_info(STAILQ_FIRST(&p.sessions), info);
	ck_assert_uint_eq(strlen(info), 40 + 199 + 3);
	arena_free(arena);
}
END_TEST

/* Routes ------------------------------------------------------------------ */

static void
write_route(struct reader *reader, const struct reply_line *line)
{
	char text[ADDR_TEXT_MAX];
	struct show_route route;

	switch (show_route(line, &route)) {
	case SHOW_NO_ROUTE:
		break;
	case SHOW_OTHER_ROUTE:
		fprintf(reader->out, "other\n");
		break;
	case SHOW_HOST_ROUTE:
		fprintf(reader->out, "%s %.*s\n",
		    addr_format(&route.addr, text), (int)route.source_len,
		    route.source);
		break;
	}
}

static struct reader routes = {
    .begin = no_op, .line = write_route, .end = no_op};

#define VIP4 \
	"other\n203.0.113.222 st4b\n203.0.113.6 st4b\n203.0.113.9 kvip4\n" \
	"other\n203.0.113.200 st4\n203.0.113.203 st4\n203.0.113.206 st4b\n" \
	"203.0.113.2 kvip4\n203.0.113.5 st4\n203.0.113.8 kvip4\n" \
	"203.0.113.1 kvip4\n203.0.113.204 st4\n"
#define VIP6 \
	"other\n2001:db8:100::c8 st6\n2001:db8:100::5 st6\n" \
	"2001:db8:100:0:ffff:ffff:ffff:ffff kvip6\n" \
	"2001:db8:100::1 kvip6\n2001:db8:100::2 kvip6\n" \
	"2001:db8:100:aaaa:bbbb:cccc:dddd:1234 st6\n"

static const struct {
	const char *data, *outcome;
} route_rows[] = {
    {sample_table_vip4, VIP4},
    {sample_table_vip6, VIP6},
    {sample_exported_up4, VIP4},
    {sample_exported_both, VIP4 VIP6},
    {sample_iso_long_routes, VIP4},
    {sample_not_established, ""},
    {"1007-10.0.0.1/32 unicast [a_b-c.d:e 12:00 from 10.1.1.1] * (100)\n",
	"10.0.0.1 a_b-c.d:e\n"},
    {"1007-10.0.0.1/32 [a]\n", "10.0.0.1 a\n"},
    /* A host route, wherever it comes from. */
    {"1007-10.0.0.1/32\n", "10.0.0.1 \n"},
    {"1007-10.0.0.1/32 unicast [\n", "10.0.0.1 \n"},
    {"1007-10.0.0.1/32 unicast [a;b]\n", "10.0.0.1 \n"},
    {"1007-10.0.0.1/32 unicast a] [ x\n", "10.0.0.1 \n"},
    /* Something else. */
    {"1007-10.0.0.1/33 [a]\n 10.0.0.1/3 [a]\n", "other\nother\n"},
    {"1007-::1/32 [a]\n", "other\n"},
    {"1007-::1/1280 [a]\n", "other\n"},
    {"1007-::1/0128 [a]\n", "other\n"},
    {"1007-::1 [a]\n", "other\n"},
    {"1007-::1/ [a]\n", "other\n"},
    {"1007-/32 [a]\n", "other\n"},
    {"1007-10.0.0.256/32 [a]\n", "other\n"},
    {"1007-::ffff:10.0.0.1/128 [a]\n", "other\n"},
    {"1007-65000:1 10.0.0.1/32 [a]\n", "other\n"},
    {"1007-flow4 { dst 10.0.0.1/32; } [a]\n", "other\n"},
    {"1007-1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bb/128 [a]\n",
	"other\n"},
    {"1007-100% [a]\n", "other\n"},
    /* No route at all. */
    {"1007-Table 10.0.0.1/32:\n", ""},
    {"1007-\n \n \t10.0.0.1/32 [a]\n  10.0.0.1/32 [a]\n", ""},
    {"1008-10.0.0.1/32 [a]\n", ""},
    {"8000-<line overflow>\n", ""},
};

START_TEST(route_lines)
{
	check_outcome(&routes, route_rows[_i].data, route_rows[_i].outcome);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("bird_reply");
	TCase *tc = tcase_create("bird_reply");

	tcase_add_loop_test(tc, lines_of_replies, 0, ROWS(line_rows));
	tcase_add_test(tc, nul_is_garbage);
	tcase_add_test(tc, line_limit);
	tcase_add_test(tc, reply_limit);
	tcase_add_test(tc, limit_is_for_one_reply);
	tcase_add_loop_test(tc, versions, 0, ROWS(version_rows));
	tcase_add_loop_test(tc, sessions, 0, ROWS(protocol_rows));
	tcase_add_test(tc, name_limit);
	tcase_add_test(tc, session_limit);
	tcase_add_test(tc, info_limit);
	tcase_add_loop_test(tc, route_lines, 0, ROWS(route_rows));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
