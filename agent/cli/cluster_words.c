/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/cluster.h"
#include "agent/cli/columns.h"

bool
cluster_counts(const struct control_cluster_node *n)
{
	return (n->self || n->fresh) && !n->left;
}

size_t
cluster_heard(const struct control_cluster *c)
{
	size_t heard = 0;

	for (size_t i = 0; i < c->n_nodes; i++)
		heard += cluster_counts(&c->nodes[i]);
	return heard;
}

size_t
cluster_present(const struct control_cluster *c)
{
	size_t present = 0;

	for (size_t i = 0; i < c->n_nodes; i++)
		present += !c->nodes[i].left;
	return present;
}

const struct control_cluster_node *
cluster_find(const struct control_cluster *c, const char *name)
{
	for (size_t i = 0; i < c->n_nodes; i++)
		if (strcmp(c->nodes[i].name, name) == 0)
			return &c->nodes[i];
	return NULL;
}

static const char *
fault_words(const char *fault)
{
	if (strcmp(fault, "configuration") == 0)
		return "it does not have the same services and backends";
	if (strcmp(fault, "observations") == 0)
		return "it does not know the same of the backends' health";
	if (strcmp(fault, "clocks") == 0)
		return "its clock is not ours, by which backends ramp";
	if (strcmp(fault, "software") == 0)
		return "it makes other tables of the same; compare the "
		       "versions, and report it";
	return fault;
}

/* Only a session tells what a node's tables are. */
static bool
differs(const struct control_cluster *c, const struct control_cluster_node *n)
{
	const struct control_cluster_node *self = cluster_find(c, c->self);

	return n->fault[0] != '\0' ||
	    (self != NULL && memcmp(n->root, self->root, sizeof(n->root)) != 0);
}

const char *
cluster_lacks(const struct control_cluster *c,
    const struct control_cluster_node *n, char buf[CLUSTER_WORDS_MAX])
{
	char time[UNIT_TEXT_MAX];

	if (!cluster_counts(n))
		return NULL;
	if (!n->self && !n->connected)
		snprintf(buf, CLUSTER_WORDS_MAX,
		    "it is heard through others, so its tables are not known "
		    "here%s%s",
		    n->trouble[0] != '\0' ? "; " : "", n->trouble);
	else if (!n->self && differs(c, n))
		snprintf(buf, CLUSTER_WORDS_MAX,
		    "its tables have differed for %s%s%s",
		    unit_seconds(n->differs_ms / 1000, time),
		    n->fault[0] != '\0' ? ": " : "", fault_words(n->fault));
	else if (!n->installed)
		snprintf(buf, CLUSTER_WORDS_MAX,
		    "its balancer does not serve its tables");
	else
		return NULL;
	return buf;
}

bool
cluster_same(const struct control_cluster *c)
{
	char words[CLUSTER_WORDS_MAX];

	for (size_t i = 0; i < c->n_nodes; i++)
		if (cluster_lacks(c, &c->nodes[i], words) != NULL)
			return false;
	return c->identical;
}

static void __attribute__((format(printf, 2, 3)))
append(char buf[CLUSTER_WORDS_MAX], const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, CLUSTER_WORDS_MAX - used, fmt, ap);
	va_end(ap);
}

/* The first that lacks something; how many more. */
static void
append_lacking(const struct control_cluster *c, char buf[CLUSTER_WORDS_MAX])
{
	char words[CLUSTER_WORDS_MAX];
	size_t lacking = 0;

	for (size_t i = 0; i < c->n_nodes; i++) {
		if (cluster_lacks(c, &c->nodes[i], words) == NULL)
			continue;
		if (lacking++ == 0)
			append(buf, ", %s: %s", c->nodes[i].name, words);
	}
	if (lacking == 0)
		append(buf, ", tables not known to be identical");
	else if (lacking > 1)
		append(buf, " (and %zu more)", lacking - 1);
}

const char *
cluster_line(const struct control_cluster *c, char buf[CLUSTER_WORDS_MAX])
{
	size_t heard = cluster_heard(c), present = cluster_present(c);

	buf[0] = '\0';
	if (heard < present)
		append(buf, "%zu of ", heard);
	append(buf, "%zu node%s", present, present == 1 ? "" : "s");
	if (heard < present)
		append(buf, " heard");
	if (!c->joined)
		append(buf, ", not joined%s%s",
		    c->waiting[0] != '\0' ? ": " : "", c->waiting);
	else if (cluster_same(c))
		append(buf, ", tables identical");
	else
		append_lacking(c, buf);
	return buf;
}

void
cluster_complain(const struct control_cluster *c)
{
	char words[CLUSTER_WORDS_MAX];
	size_t said = 0;

	for (size_t i = 0; i < c->n_nodes; i++) {
		if (cluster_lacks(c, &c->nodes[i], words) == NULL)
			continue;
		cli_error("%s: %s", c->nodes[i].name, words);
		said++;
	}
	if (said == 0)
		cli_error("the tables are not known to be identical yet");
}
