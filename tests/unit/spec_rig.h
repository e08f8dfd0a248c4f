/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of spec share: files, replicas of them, and views that are
 * checked as they are made. All fail the test rather than return NULL. */
#ifndef TESTS_UNIT_SPEC_RIG_H
#define TESTS_UNIT_SPEC_RIG_H

#include "agent/core/spec.h"

/* A configuration but for the list of services. */
#define HEAD \
	"node: {name: lb, user: nobody}\n" \
	"balancer: {interfaces: [{name: eth0}], encap_source: [10.9.0.1]}\n" \
	"cluster:\n" \
	"  seed: 000102030405060708090a0b0c0d0e0f\n" \
	"  name: prod\n" \
	"  insecure: true\n" \
	"  nodes: [{name: lb, address: 127.0.0.1},\n" \
	"          {name: lb2, address: 127.0.0.2, port: 7412}]\n" \
	"services:\n"

struct conf *parse(const char *text);
struct replica *import(const struct conf *);

/* Of the object with that key. */
struct uid uid_of(const struct replica *, const char *key);

char *print_view(const struct spec_view *);
/* What a view has to be, whatever the replica: a configuration that conf_load
 * gives, and a state that the balancer takes. */
struct spec_view *view(const struct conf *local, const struct replica *);

#endif
