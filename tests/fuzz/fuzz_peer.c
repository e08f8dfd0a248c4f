/* SPDX-License-Identifier: Apache-2.0 */
/* What names a peer before it has proven anything: the identity of a pre-shared
 * key, the URI of a certificate, and the certificate around it; and the file of
 * keys. The first byte says which. Names that come out are valid ones. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "agent/peer/identity.h"
#include "agent/peer/psk.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const char *name)
{
	if (!forwarding_name_valid(name, strlen(name)))
		abort();
}

static void
check_name(const struct identity_name *name)
{
	check(name->cluster);
	if (name->node[0] != '\0')
		check(name->node);
}

static void
find_key(const uint8_t *data, size_t len)
{
	struct psk psk = {.ids = {"00000000", "11111111"}, .n = 2};
	char node[FORWARDING_NAME_MAX];
	struct errmsg why;

	if (psk_find(&psk, "site1", data, len, node, &why) != NULL)
		check(node);
}

static void
read_certificate(const uint8_t *data, size_t len)
{
	X509 *cert = d2i_X509(NULL, &data, (long)len);
	struct identity_name name;
	struct errmsg why;

	if (cert == NULL)
		return;
	if (identity_name_of(&name, cert, &why) == 0)
		check_name(&name);
	identity_ends(cert);
	X509_free(cert);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct identity_name name;
	struct errmsg why;
	struct psk psk;

	if (len == 0)
		return 0;
	switch (data[0]) {
	case 'i':
		find_key(data + 1, len - 1);
		break;
	case 'u':
		if (identity_parse_uri(
			&name, (const char *)data + 1, len - 1, &why) == 0)
			check_name(&name);
		break;
	case 'c':
		read_certificate(data + 1, len - 1);
		break;
	case 'f':
		if (psk_parse(
			&psk, "f", (const char *)data + 1, len - 1, &why) == 0)
			psk_clear(&psk);
		break;
	default:
		break;
	}
	return 0;
}
