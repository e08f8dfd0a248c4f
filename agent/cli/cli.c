/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/cli.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/columns.h"
#include "agent/peer/pki.h"

/* Which options a command takes beside those that all take. */
enum {
	TAKES_SIZE = 1 << 0,
	TAKES_SEED = 1 << 1,
	TAKES_UDP = 1 << 2,
	TAKES_WAIT = 1 << 3,
	TAKES_TEMPORARY = 1 << 4,
	TAKES_GRACEFUL = 1 << 5,
	TAKES_QUIET = 1 << 6,
	TAKES_TIMEOUT = 1 << 7,
	TAKES_LOCAL = 1 << 8,
	TAKES_FORCE = 1 << 9,
	TAKES_NOW = 1 << 10,
	TAKES_WEIGHT = 1 << 11,
	TAKES_STATE = 1 << 12,
	TAKES_DIR = 1 << 13,
	TAKES_OUT = 1 << 14,
	TAKES_DAYS = 1 << 15,
	TAKES_CAPTURE = 1 << 16,
};
#define TAKES_LOOK   (TAKES_WAIT | TAKES_TIMEOUT)
#define TAKES_CHANGE (TAKES_LOOK | TAKES_LOCAL | TAKES_FORCE)

static const struct option {
	const char *name;
	const char *value; /* NULL: it is a switch */
	const char *help;
	size_t offset;  /* in struct cli: of a const char * or a bool */
	unsigned needs; /* 0: every command takes it */
} options[] = {
    {"socket", "PATH", "the agent's socket", offsetof(struct cli, socket), 0},
    {"config", "FILE", "the configuration that says where the socket is",
	offsetof(struct cli, config), 0},
    {"json", NULL, "print JSON", offsetof(struct cli, json), 0},
    {"help", NULL, "say how the command is used", offsetof(struct cli, help),
	0},
    {"version", NULL, "print the version", offsetof(struct cli, version), 0},
    {"size", "M", "slots of the table, a power of two",
	offsetof(struct cli, size), TAKES_SIZE},
    {"seed", "HEX", "the cluster's seed, 32 hex digits",
	offsetof(struct cli, seed), TAKES_SEED},
    {"udp", NULL, "the packet is UDP, not TCP", offsetof(struct cli, udp),
	TAKES_UDP},
    {"wait", NULL, "until all of it has come true", offsetof(struct cli, wait),
	TAKES_WAIT},
    {"timeout", "SECONDS", "but not longer than that",
	offsetof(struct cli, timeout), TAKES_TIMEOUT},
    {"quiet", "SECONDS", "call it drained when nothing has come for so long",
	offsetof(struct cli, quiet), TAKES_QUIET},
    {"temporary", NULL, "forgotten when the agent ends, as for a shutdown",
	offsetof(struct cli, temporary), TAKES_TEMPORARY},
    {"graceful", "SECONDS",
	"mark the routes with GRACEFUL_SHUTDOWN so long before",
	offsetof(struct cli, graceful), TAKES_GRACEFUL},
    {"dir", "DIR", "the folder of the CA, instead of " PKI_CA_DIR,
	offsetof(struct cli, dir), TAKES_DIR},
    {"out", "FILE", "the file to write, instead of NODE.pem",
	offsetof(struct cli, out), TAKES_OUT},
    {"days", "DAYS", "how long the certificate is good, instead of 730",
	offsetof(struct cli, days), TAKES_DAYS},
    {"local", NULL, "answer once it is durable and in force on this node",
	offsetof(struct cli, local), TAKES_LOCAL},
    {"force", NULL, "though there is a reason not to, which it has said",
	offsetof(struct cli, force), TAKES_FORCE},
    {"now", NULL, "at once, though traffic still goes there",
	offsetof(struct cli, now), TAKES_NOW},
    {"weight", "N", "its share relative to the others'; 1 if not given",
	offsetof(struct cli, weight), TAKES_WEIGHT},
    {"state", "enabled|draining|disabled", "enabled if not given",
	offsetof(struct cli, state), TAKES_STATE},
    {"write", "FILE", "write pcapng there, or to stdout if it is -; also -w",
	offsetof(struct cli, write), TAKES_CAPTURE},
    {"count", "N", "end after so many packets, instead of 1000; 0: do not",
	offsetof(struct cli, count), TAKES_CAPTURE},
    {"seconds", "S", "end after so long", offsetof(struct cli, seconds),
	TAKES_CAPTURE},
    {"sample", "1/N", "one packet in N, instead of as many as the rate allows",
	offsetof(struct cli, sample), TAKES_CAPTURE},
    {"rate", "PPS", "packets a second at most, instead of 1000",
	offsetof(struct cli, rate), TAKES_CAPTURE},
    {"snap", "BYTES", "of each frame at most, instead of 128",
	offsetof(struct cli, snap), TAKES_CAPTURE},
    {"service", "NAME", "only packets for this service",
	offsetof(struct cli, service), TAKES_CAPTURE},
    {"reason", "NAME[,NAME...]",
	"only packets with one of these reasons; drop_* is all that begin so",
	offsetof(struct cli, reason), TAKES_CAPTURE},
    {"direction", "in|out|both", "frames that came in, went out, or both",
	offsetof(struct cli, direction), TAKES_CAPTURE},
};

static const struct command {
	const char *name; /* one or two words */
	const char *args;
	const char *help;
	unsigned takes;
	int (*run)(const struct cli *);
} commands[] = {
    {"cluster init", "NAME", "make the CA of a new cluster", TAKES_DIR,
	cli_cluster_init},
    {"cluster invite", "NODE", "make the identity file of a node",
	TAKES_DIR | TAKES_OUT | TAKES_DAYS | TAKES_FORCE, cli_cluster_invite},
    {"cluster psk", "", "print a fresh key for a file of pre-shared keys", 0,
	cli_cluster_psk},
    {"status", "", "the node at a glance", 0, cli_status},
    {"backend list", "[SERVICE]", "backends: their health, share and traffic",
	0, cli_backend_list},
    {"backend add", "SERVICE ADDRESS", "one more backend of a service",
	TAKES_CHANGE | TAKES_WEIGHT | TAKES_STATE, cli_backend_add},
    {"backend remove", "SERVICE ADDRESS",
	"drain it, wait until nothing asks for it, and take it out",
	TAKES_CHANGE | TAKES_NOW | TAKES_QUIET, cli_backend_remove},
    {"backend weight", "SERVICE ADDRESS N",
	"change its share relative to the others'", TAKES_CHANGE,
	cli_backend_weight},
    {"backend drain", "SERVICE ADDRESS",
	"nothing new goes to it; with --wait, until nothing asks for it",
	TAKES_CHANGE, cli_backend_drain},
    {"backend enable", "SERVICE ADDRESS", "let it take traffic, if it is up",
	TAKES_CHANGE, cli_backend_enable},
    {"backend disable", "SERVICE ADDRESS",
	"no traffic; connections that it has end", TAKES_CHANGE,
	cli_backend_disable},
    {"service list", "", "services: VIPs, members that are up, checks", 0,
	cli_service_list},
    {"service show", "NAME", "one service: its members, shares and traffic", 0,
	cli_service_show},
    {"service add", "NAME KEY=VALUE...",
	"a new service, with the keys of guideway.yaml(5)", TAKES_CHANGE,
	cli_service_add},
    {"service set", "NAME KEY=VALUE...", "change these keys of a service",
	TAKES_CHANGE, cli_service_set},
    {"service remove", "NAME", "take a service out, with its backends",
	TAKES_CHANGE | TAKES_NOW, cli_service_remove},
    {"cluster status", "", "all nodes on one screen, and what is wrong", 0,
	cli_cluster_status},
    {"cluster verify", "", "wait until all nodes serve the same tables",
	TAKES_TIMEOUT, cli_cluster_verify},
    {"cluster leave", "", "take this node out of the cluster", TAKES_LOOK,
	cli_cluster_leave},
    {"node drain", "[NODE]",
	"withdraw the node's routes, and forward until no traffic comes",
	TAKES_LOOK | TAKES_TEMPORARY | TAKES_GRACEFUL | TAKES_QUIET |
	    TAKES_FORCE,
	cli_node_drain},
    {"node undrain", "[NODE]", "bring the node back",
	TAKES_LOOK | TAKES_TEMPORARY, cli_node_undrain},
    {"table", "--size M --seed HEX NAME[*WEIGHT][@PHI]...",
	"the slots of a table, as positions of the names",
	TAKES_SIZE | TAKES_SEED, cli_table},
    {"trace", "SRC:PORT to DST:PORT",
	"which slot and backend a packet takes in the running node", TAKES_UDP,
	cli_trace},
    {"capture", "", "packets that come and go, with what became of each",
	TAKES_CAPTURE, cli_capture},
};

#define N_OPTIONS  (sizeof(options) / sizeof(options[0]))
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void __attribute__((format(printf, 1, 0)))
complain(const char *fmt, va_list ap)
{
	fputs("guideway: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int
cli_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return CLI_FAILED;
}

int
cli_usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return CLI_USAGE;
}

void
cli_no_memory(void)
{
	fputs("guideway: out of memory\n", stderr);
	exit(CLI_FAILED);
}

json_t *
cli_json(json_t *value)
{
	if (value == NULL)
		cli_no_memory();
	return value;
}

int
cli_print_json(json_t *value)
{
	int rc = json_dumpf(value, stdout, JSON_INDENT(2));

	json_decref(value);
	putchar('\n');
	return rc == 0 ? CLI_OK : cli_error("cannot write the output");
}

static void
print_options(unsigned takes, FILE *to)
{
	struct columns *c = columns_new("lll");

	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option *o = &options[i];

		if (o->needs != 0 && (o->needs & takes) == 0)
			continue;
		columns_add(c, STYLE_PLAIN, " ");
		columns_add(c, STYLE_PLAIN, "--%s%s%s", o->name,
		    o->value != NULL ? " " : "",
		    o->value != NULL ? o->value : "");
		columns_add(c, STYLE_PLAIN, "%s", o->help);
	}
	fputs("\noptions:\n", to);
	columns_print(c, to);
}

static void
print_help(FILE *to)
{
	struct columns *c = columns_new("lll");

	fputs("usage: guideway [OPTION...] COMMAND [ARGUMENT...]\n\n"
	      "commands:\n",
	    to);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		columns_add(c, STYLE_PLAIN, " ");
		columns_add(c, STYLE_PLAIN, "%s%s%s", commands[i].name,
		    commands[i].args[0] != '\0' ? " " : "", commands[i].args);
		columns_add(c, STYLE_PLAIN, "%s", commands[i].help);
	}
	columns_print(c, to);
	print_options(0, to);
}

static void
print_command_help(const struct command *command, FILE *to)
{
	fprintf(to, "usage: guideway [OPTION...] %s%s%s\n\n%s\n", command->name,
	    command->args[0] != '\0' ? " " : "", command->args, command->help);
	print_options(command->takes, to);
}

/* Takes the option at argv[i], and its value. Returns how many arguments that
 * were, or -1: said why. */
static int
take_option(struct cli *cli, unsigned *used, int argc, char **argv, int i)
{
	const char *name = argv[i] + 2, *equals = strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);

	for (size_t o = 0; o < N_OPTIONS; o++) {
		char *field = (char *)cli + options[o].offset;

		if (strlen(options[o].name) != len ||
		    strncmp(options[o].name, name, len) != 0)
			continue;
		*used |= options[o].needs;
		if (options[o].value == NULL && equals == NULL) {
			*(bool *)field = true;
			return 1;
		}
		if (options[o].value == NULL) {
			cli_error("--%s takes no value", options[o].name);
			return -1;
		}
		if (equals == NULL && i + 1 == argc) {
			cli_error("--%s needs a value: --%s %s",
			    options[o].name, options[o].name, options[o].value);
			return -1;
		}
		*(const char **)(void *)field = equals != NULL ? equals + 1
							       : argv[i + 1];
		return equals != NULL ? 1 : 2;
	}
	cli_error("no option is called '%s'; see guideway --help", argv[i]);
	return -1;
}

/* Options may stand anywhere before "--"; the rest are arguments. "->" and
 * "-3" are no options. 0, or -1: said why. */
static int
parse(struct cli *cli, unsigned *used, int argc, char **argv)
{
	static char write_option[] = "--write";
	bool ended = false;
	int i = 1, n;

	cli->args = calloc((size_t)argc + 1, sizeof(*cli->args));
	if (cli->args == NULL)
		cli_no_memory();
	while (i < argc) {
		/* As all programs that capture have it. */
		if (!ended && strcmp(argv[i], "-w") == 0)
			argv[i] = write_option;
		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
			i++;
		} else if (!ended && strncmp(argv[i], "--", 2) == 0) {
			n = take_option(cli, used, argc, argv, i);
			if (n == -1)
				return -1;
			i += n;
		} else {
			cli->args[cli->n_args++] = argv[i++];
		}
	}
	return 0;
}

/* How many of the arguments name the command: 0, 1 or 2. */
static size_t
match(const struct command *command, const struct cli *cli)
{
	const char *space = strchr(command->name, ' ');
	size_t len;

	if (cli->n_args == 0)
		return 0;
	if (space == NULL)
		return strcmp(cli->args[0], command->name) == 0 ? 1 : 0;
	len = (size_t)(space - command->name);
	if (cli->n_args < 2 || strlen(cli->args[0]) != len ||
	    strncmp(cli->args[0], command->name, len) != 0)
		return 0;
	return strcmp(cli->args[1], space + 1) == 0 ? 2 : 0;
}

static int
run(const struct command *command, struct cli *cli, unsigned used)
{
	int status;

	if (cli->help) {
		print_command_help(command, stdout);
		return CLI_OK;
	}
	for (size_t o = 0; o < N_OPTIONS; o++)
		if ((options[o].needs & used & ~command->takes) != 0)
			return cli_usage_error("'%s' does not take --%s",
			    command->name, options[o].name);
	status = command->run(cli);
	if (status == CLI_USAGE)
		fprintf(stderr, "usage: guideway %s %s\n", command->name,
		    command->args);
	return status;
}

static bool
begins_with(const struct command *command, const char *word)
{
	size_t len = strlen(word);

	return len > 0 && strncmp(command->name, word, len) == 0 &&
	    command->name[len] == ' ';
}

/* One line, with all commands that begin with the word that is there. */
static void
complain_no_command(const char *word)
{
	bool found = false;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];

		if (!begins_with(c, word))
			continue;
		if (!found)
			fprintf(stderr,
			    "guideway: '%s' is no command by itself; there is",
			    word);
		fprintf(stderr, "%s '%s%s%s'", found ? "," : "", c->name,
		    c->args[0] != '\0' ? " " : "", c->args);
		found = true;
	}
	if (found)
		fputc('\n', stderr);
	else
		cli_error(
		    "no command is called '%s'; see guideway --help", word);
}

static int
dispatch(struct cli *cli, unsigned used)
{
	char **args = cli->args;
	size_t words;
	int status;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		if ((words = match(&commands[i], cli)) == 0)
			continue;
		cli->args += words;
		cli->n_args -= words;
		status = run(&commands[i], cli, used);
		cli->args = args;
		return status;
	}
	if (cli->help) {
		print_help(stdout);
		return CLI_OK;
	}
	if (cli->n_args == 0)
		print_help(stderr);
	else
		complain_no_command(cli->args[0]);
	return CLI_USAGE;
}

int
cli_main(int argc, char **argv)
{
	struct cli cli = {0};
	unsigned used = 0;
	int status = CLI_OK;

	if (parse(&cli, &used, argc, argv) == -1)
		status = CLI_USAGE;
	else if (cli.version)
		printf("guideway %s\n", PACKAGE_VERSION);
	else
		status = dispatch(&cli, used);
	free(cli.args);
	if (fflush(stdout) == EOF && status == CLI_OK)
		status = cli_error("cannot write the output");
	return status;
}
