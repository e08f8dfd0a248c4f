/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/conf_schema.h"

#include <netinet/in.h>

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_strval_t drivers[] = {
    {"auto", CONF_DRIVER_AUTO},
    {"xdp", CONF_DRIVER_XDP},
    {"pcap", CONF_DRIVER_PCAP},
};

static const cyaml_strval_t xdp_modes[] = {
    {"auto", CONF_XDP_MODE_AUTO},
    {"native", CONF_XDP_MODE_NATIVE},
    {"generic", CONF_XDP_MODE_GENERIC},
};

static const cyaml_strval_t intents[] = {
    {"enabled", INTENT_ENABLED},
    {"draining", INTENT_DRAINING},
    {"disabled", INTENT_DISABLED},
};

static const cyaml_strval_t protocols[] = {
    {"tcp", IPPROTO_TCP},
    {"udp", IPPROTO_UDP},
};

static const cyaml_strval_t oversizes[] = {
    {"fragment", RAW_OVERSIZE_FRAGMENT},
    {"refuse", RAW_OVERSIZE_REFUSE},
};

static const cyaml_strval_t on_downs[] = {
    {"reset", RAW_ON_DOWN_RESET},
    {"keep", RAW_ON_DOWN_KEEP},
};

static const cyaml_strval_t switches[] = {
    {"true", RAW_TRUE},
    {"false", RAW_FALSE},
};

static const cyaml_strval_t checks[] = {
    {"none", CHECK_NONE},
    {"tcp", CHECK_TCP},
    {"http", CHECK_HTTP},
    {"https", CHECK_HTTPS},
    {"udp", CHECK_UDP},
    {"dns", CHECK_DNS},
    {"icmp", CHECK_ICMP},
};

static const char *
word(const cyaml_strval_t *words, size_t n, int64_t value)
{
	for (size_t i = 0; i < n; i++)
		if (words[i].val == value)
			return words[i].str;
	return "?";
}

const char *
intent_name(enum intent intent)
{
	return word(intents, CYAML_ARRAY_LEN(intents), intent);
}

const char *
conf_driver_name(enum conf_driver driver)
{
	return word(drivers, CYAML_ARRAY_LEN(drivers), driver);
}

const char *
conf_xdp_mode_name(enum conf_xdp_mode mode)
{
	return word(xdp_modes, CYAML_ARRAY_LEN(xdp_modes), mode);
}

const char *
conf_protocol_word(int protocol)
{
	return word(protocols, CYAML_ARRAY_LEN(protocols), protocol);
}

const char *
conf_oversize_word(enum raw_oversize oversize)
{
	return word(oversizes, CYAML_ARRAY_LEN(oversizes), oversize);
}

const char *
conf_on_down_word(bool keep)
{
	return word(on_downs, CYAML_ARRAY_LEN(on_downs),
	    keep ? RAW_ON_DOWN_KEEP : RAW_ON_DOWN_RESET);
}

const char *
conf_switch_word(enum raw_switch value)
{
	return word(switches, CYAML_ARRAY_LEN(switches), value);
}

/* clang-format off */

/* The bounds of numbers and texts are conf_check.c's, since libcyaml knows
 * none; the numbers of entries are these. */
static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED)
};

static const cyaml_schema_value_t number_entry = {
	CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint64_t)
};

static const cyaml_schema_field_t node_fields[] = {
	CYAML_FIELD_STRING_PTR("name", OPTIONAL,
	    struct raw_node, name, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("run_dir", OPTIONAL,
	    struct raw_node, run_dir, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("state_dir", OPTIONAL,
	    struct raw_node, state_dir, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("user", OPTIONAL,
	    struct raw_node, user, 1, CYAML_UNLIMITED),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t interface_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER,
	    struct raw_interface, name, 1, CYAML_UNLIMITED),
	CYAML_FIELD_ENUM("driver", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_interface, driver, drivers, CYAML_ARRAY_LEN(drivers)),
	CYAML_FIELD_ENUM("xdp_mode", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_interface, xdp_mode, xdp_modes,
	    CYAML_ARRAY_LEN(xdp_modes)),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t interface_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT,
	    struct raw_interface, interface_fields)
};

static const cyaml_schema_field_t balancer_fields[] = {
	CYAML_FIELD_SEQUENCE("interfaces", OPTIONAL,
	    struct raw_balancer, interfaces, &interface_entry,
	    0, CONF_INTERFACES_MAX),
	CYAML_FIELD_SEQUENCE("encap_source", OPTIONAL,
	    struct raw_balancer, encap_source, &text_entry, 1, 2),
	CYAML_FIELD_STRING_PTR("bpf_dir", OPTIONAL,
	    struct raw_balancer, bpf_dir, 1, CYAML_UNLIMITED),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t announce_fields[] = {
	CYAML_FIELD_ENUM("enabled", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_announce, enabled, switches, CYAML_ARRAY_LEN(switches)),
	CYAML_FIELD_STRING_PTR("device", OPTIONAL,
	    struct raw_announce, device, 1, CYAML_UNLIMITED),
	CYAML_FIELD_UINT_PTR("table", OPTIONAL, struct raw_announce, table),
	CYAML_FIELD_STRING_PTR("bird", OPTIONAL,
	    struct raw_announce, bird, 1, CYAML_UNLIMITED),
	CYAML_FIELD_UINT_PTR("agent_grace", OPTIONAL,
	    struct raw_announce, agent_grace),
	CYAML_FIELD_UINT_PTR("graceful_shutdown", OPTIONAL,
	    struct raw_announce, graceful_shutdown),
	CYAML_FIELD_UINT_PTR("drain_quiet", OPTIONAL,
	    struct raw_announce, drain_quiet),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t cluster_node_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER,
	    struct raw_cluster_node, name, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER,
	    struct raw_cluster_node, address, 1, CYAML_UNLIMITED),
	CYAML_FIELD_UINT_PTR("port", OPTIONAL, struct raw_cluster_node, port),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t cluster_node_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT,
	    struct raw_cluster_node, cluster_node_fields)
};

static const cyaml_schema_field_t cluster_fields[] = {
	CYAML_FIELD_STRING_PTR("seed", CYAML_FLAG_POINTER,
	    struct raw_cluster, seed, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("name", OPTIONAL,
	    struct raw_cluster, name, 1, CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("nodes", OPTIONAL,
	    struct raw_cluster, nodes, &cluster_node_entry,
	    1, CONF_CLUSTER_NODES_MAX),
	CYAML_FIELD_STRING_PTR("identity", OPTIONAL,
	    struct raw_cluster, identity, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("psk", OPTIONAL,
	    struct raw_cluster, psk, 1, CYAML_UNLIMITED),
	CYAML_FIELD_ENUM_PTR("insecure", OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_cluster, insecure, switches, CYAML_ARRAY_LEN(switches)),
	CYAML_FIELD_ENUM_PTR("share_flows", OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_cluster, share_flows,
	    switches, CYAML_ARRAY_LEN(switches)),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t backend_fields[] = {
	CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER,
	    struct raw_backend, address, 1, CYAML_UNLIMITED),
	CYAML_FIELD_UINT_PTR("weight", OPTIONAL, struct raw_backend, weight),
	CYAML_FIELD_ENUM("state", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_backend, state, intents, CYAML_ARRAY_LEN(intents)),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t backend_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT,
	    struct raw_backend, backend_fields)
};

static const cyaml_schema_field_t check_fields[] = {
	CYAML_FIELD_ENUM("type", CYAML_FLAG_STRICT,
	    struct raw_check, type, checks, CYAML_ARRAY_LEN(checks)),
	CYAML_FIELD_UINT_PTR("port", OPTIONAL, struct raw_check, port),
	CYAML_FIELD_ENUM_PTR("tunnel", OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_check, tunnel, switches, CYAML_ARRAY_LEN(switches)),
	CYAML_FIELD_STRING_PTR("interval", OPTIONAL,
	    struct raw_check, interval, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("timeout", OPTIONAL,
	    struct raw_check, timeout, 1, CYAML_UNLIMITED),
	CYAML_FIELD_UINT_PTR("rise", OPTIONAL, struct raw_check, rise),
	CYAML_FIELD_UINT_PTR("fall", OPTIONAL, struct raw_check, fall),
	CYAML_FIELD_STRING_PTR("host", OPTIONAL,
	    struct raw_check, host, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("path", OPTIONAL,
	    struct raw_check, path, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("status", OPTIONAL,
	    struct raw_check, status, 1, CYAML_UNLIMITED),
	CYAML_FIELD_ENUM_PTR("insecure", OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_check, insecure, switches, CYAML_ARRAY_LEN(switches)),
	CYAML_FIELD_STRING_PTR("send", OPTIONAL,
	    struct raw_check, send, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("expect", OPTIONAL,
	    struct raw_check, expect, 1, CYAML_UNLIMITED),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t service_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER,
	    struct raw_service, name, 1, CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("vips", CYAML_FLAG_POINTER,
	    struct raw_service, vips, &text_entry,
	    1, FORWARDING_MAX_ENDPOINTS),
	CYAML_FIELD_ENUM("protocol", CYAML_FLAG_STRICT,
	    struct raw_service, protocol,
	    protocols, CYAML_ARRAY_LEN(protocols)),
	CYAML_FIELD_SEQUENCE("ports", OPTIONAL,
	    struct raw_service, ports, &number_entry,
	    1, FORWARDING_MAX_ENDPOINTS),
	CYAML_FIELD_UINT_PTR("table_size", OPTIONAL,
	    struct raw_service, table_size),
	CYAML_FIELD_ENUM("oversize", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_service, oversize,
	    oversizes, CYAML_ARRAY_LEN(oversizes)),
	CYAML_FIELD_UINT_PTR("announce_min", OPTIONAL,
	    struct raw_service, announce_min),
	CYAML_FIELD_UINT_PTR("announce_again", OPTIONAL,
	    struct raw_service, announce_again),
	CYAML_FIELD_MAPPING_PTR("check", OPTIONAL,
	    struct raw_service, check, check_fields),
	CYAML_FIELD_UINT_PTR("panic", OPTIONAL, struct raw_service, panic),
	CYAML_FIELD_UINT_PTR("settle_time", OPTIONAL,
	    struct raw_service, settle_time),
	CYAML_FIELD_UINT_PTR("udp_learn", OPTIONAL,
	    struct raw_service, udp_learn),
	CYAML_FIELD_UINT_PTR("tcp_idle", OPTIONAL,
	    struct raw_service, tcp_idle),
	CYAML_FIELD_UINT_PTR("udp_idle", OPTIONAL,
	    struct raw_service, udp_idle),
	CYAML_FIELD_UINT_PTR("slow_start", OPTIONAL,
	    struct raw_service, slow_start),
	CYAML_FIELD_ENUM("on_down", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
	    struct raw_service, on_down,
	    on_downs, CYAML_ARRAY_LEN(on_downs)),
	CYAML_FIELD_SEQUENCE("backends", OPTIONAL,
	    struct raw_service, backends, &backend_entry,
	    0, FORWARDING_MAX_BACKENDS),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t service_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT,
	    struct raw_service, service_fields)
};

static const cyaml_schema_field_t top_fields[] = {
	CYAML_FIELD_MAPPING("node", CYAML_FLAG_OPTIONAL,
	    struct raw_conf, node, node_fields),
	CYAML_FIELD_MAPPING("balancer", CYAML_FLAG_OPTIONAL,
	    struct raw_conf, balancer, balancer_fields),
	CYAML_FIELD_MAPPING("announce", CYAML_FLAG_OPTIONAL,
	    struct raw_conf, announce, announce_fields),
	CYAML_FIELD_MAPPING("cluster", CYAML_FLAG_DEFAULT,
	    struct raw_conf, cluster, cluster_fields),
	CYAML_FIELD_SEQUENCE("services", OPTIONAL,
	    struct raw_conf, services, &service_entry,
	    0, FORWARDING_MAX_SERVICES),
	CYAML_FIELD_END
};

const cyaml_schema_value_t conf_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_conf, top_fields)
};
