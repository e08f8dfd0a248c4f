/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/spec_rig.h"

#include <stdlib.h>
#include <string.h>

#include "common/view.h"
#include "tests/unit/unit.h"

struct conf *
parse(const char *text)
{
	struct errmsg why;
	struct conf *c = conf_parse("f", text, strlen(text), &why);

	ck_assert_msg(c != NULL, "%s", why.text);
	return c;
}

struct replica *
import(const struct conf *conf)
{
	struct errmsg why;
	struct replica *r = spec_import(conf, &why);

	ck_assert_msg(r != NULL, "%s", why.text);
	ck_assert_msg(replica_check(r, &why) == 0, "%s", why.text);
	return r;
}

char *
print_view(const struct spec_view *v)
{
	char *text = conf_print(v->conf);

	ck_assert_ptr_nonnull(text);
	return text;
}

struct spec_view *
view(const struct conf *local, const struct replica *r)
{
	struct spec_view *v = spec_view(local, r);
	struct forwarding *state;
	struct conf *again;
	char *text, *text_again;
	struct errmsg why;

	ck_assert_ptr_nonnull(v);
	text = print_view(v);
	again = parse(text);
	text_again = conf_print(again);
	ck_assert_str_eq(text, text_again);
	state = view_forwarding(v->conf, NULL, 0, 1);
	ck_assert_msg(forwarding_check(state, &why) == 0, "%s", why.text);
	forwarding_free(state);
	conf_free(again);
	free(text);
	free(text_again);
	return v;
}

struct uid
uid_of(const struct replica *r, const char *key)
{
	for (size_t i = 0; i < r->n_live; i++)
		if (strcmp(r->live[i]->key, key) == 0)
			return r->live[i]->uid;
	ck_abort_msg("no %s", key);
}
