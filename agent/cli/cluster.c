/* SPDX-License-Identifier: Apache-2.0 */
/* guideway cluster init, invite, psk: the keys with which the agents know each
 * other. They need no daemon, and no node: the CA may be anywhere. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/cli.h"
#include "agent/peer/identity.h"
#include "agent/peer/pki.h"
#include "agent/peer/psk.h"
#include "common/conf.h"

static const char *
ca_dir(const struct cli *cli)
{
	return cli->dir != NULL ? cli->dir : PKI_CA_DIR;
}

int
cli_cluster_init(const struct cli *cli)
{
	char day[IDENTITY_DAY_MAX];
	struct pki_made made;
	struct errmsg why;

	if (cli->n_args != 1)
		return cli_usage_error("one name for the cluster is needed");
	if (pki_init(ca_dir(cli), cli->args[0], time(NULL), &made, &why) == -1)
		return cli_error("%s", why.text);
	identity_day(made.ends, day);
	if (cli->json)
		return cli_print_json(cli_json(
		    json_pack("{s:s, s:s+, s:s}", "cluster", made.cluster,
			"file", ca_dir(cli), "/" PKI_CA_FILE, "ends", day)));
	printf("%s/" PKI_CA_FILE " is the CA of cluster %s, until %s; keep it "
	       "safe, best off the nodes\n"
	       "next, for each node: guideway cluster invite NODE\n",
	    ca_dir(cli), made.cluster, day);
	return CLI_OK;
}

/* Digits only. 0: not a number of days. */
static uint32_t
parse_days(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n;

	if (digits == 0 || digits > 4 || text[digits] != '\0')
		return 0;
	n = strtoul(text, NULL, 10);
	return n <= PKI_DAYS_MAX ? (uint32_t)n : 0;
}

static int
print_invited(const struct cli *cli, const struct pki_node *node,
    const struct pki_made *made)
{
	char day[IDENTITY_DAY_MAX];

	identity_day(made->ends, day);
	if (cli->json)
		return cli_print_json(cli_json(
		    json_pack("{s:s, s:s, s:s, s:s}", "cluster", made->cluster,
			"node", node->node, "file", node->out, "ends", day)));
	printf("%s is the secret identity of node %s in cluster %s, until %s\n"
	       "1. move it to %s as " CONF_IDENTITY_PATH
	       ", for the agent's user to read: chown " CONF_USER "\n"
	       "2. list %s under cluster.nodes in guideway.yaml on all nodes, "
	       "and reload the agents\n",
	    node->out, node->node, made->cluster, day, node->node, node->node);
	return CLI_OK;
}

int
cli_cluster_invite(const struct cli *cli)
{
	struct pki_node node = {.days = PKI_DAYS_DEFAULT, .force = cli->force};
	char out[NAME_MAX + 1];
	struct pki_made made;
	struct errmsg why;

	if (cli->n_args != 1)
		return cli_usage_error("the name of one node is needed");
	if (cli->days != NULL && (node.days = parse_days(cli->days)) == 0)
		return cli_usage_error("--days must be 1..%d days, got '%s'",
		    PKI_DAYS_MAX, cli->days);
	node.node = cli->args[0];
	snprintf(out, sizeof(out), "%s.pem", node.node);
	node.out = cli->out != NULL ? cli->out : out;
	if (pki_issue(ca_dir(cli), &node, time(NULL), &made, &why) == -1)
		return cli_error("%s", why.text);
	return print_invited(cli, &node, &made);
}

int
cli_cluster_psk(const struct cli *cli)
{
	char key[PSK_TEXT_MAX];

	if (cli->n_args != 0)
		return cli_usage_error("no argument is expected");
	if (psk_generate(key) == -1)
		return cli_error("no random bytes are to be had");
	if (cli->json)
		return cli_print_json(cli_json(json_pack("{s:s}", "key", key)));
	puts(key);
	return CLI_OK;
}
