/* SPDX-License-Identifier: Apache-2.0 */
/* How `guideway` meets an agent that does not answer as it should. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "common/unix_socket.h"
#include "tests/unit/unit.h"

#define TRIES 200

static char dir[] = "/tmp/gw-client.XXXXXX", path[64];
static pid_t agent;

/* One that has too many clients: closes each connection at once. */
static void
start(void)
{
	struct errmsg why;
	int fd, client;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/agent.sock", dir);
	ck_assert_msg((fd = unix_listen(path, &why)) != -1, "%s", why.text);
	ck_assert_int_ne(agent = fork(), -1);
	while (agent == 0)
		if ((client = accept(fd, NULL, NULL)) != -1)
			close(client);
	close(fd);
}

static void
stop(void)
{
	kill(agent, SIGKILL);
	waitpid(agent, NULL, 0);
	unlink(path);
	rmdir(dir);
}

/* Nearly always it is closed before all is sent, or before all is read. */
START_TEST(closes_at_once)
{
	const struct control_request request = {.kind = CONTROL_STATUS};
	const struct cli cli = {.socket = path};
	struct control_reply reply;
	struct arena *arena;

	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	for (int i = 0; i < TRIES; i++)
		ck_assert_int_eq(
		    cli_ask(&cli, &request, &arena, &reply), CLI_FAILED);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("cli_client");
	TCase *tc = tcase_create("cli_client");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, closes_at_once);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
