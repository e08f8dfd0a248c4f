/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/conf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/view.h"
#include "tests/unit/unit.h"

#define SEED "000102030405060708090a0b0c0d0e0f"
#define HEAD "cluster: {seed: " SEED "}\n"
/* What follows this begins in line 5, column 3. */
#define CLUSTER \
	"node: {name: a}\n" \
	"cluster:\n" \
	"  seed: " SEED "\n" \
	"  name: c\n"
#define NODES "  nodes: [{name: a, address: 10.0.0.1}]\n"
/* What follows this begins in line 6, column 7. */
#define SERVICE \
	HEAD "services:\n" \
	     "  - name: web\n" \
	     "    vips: [192.0.2.80]\n" \
	     "    protocol: tcp\n"

/* The keys of a check follow: from column 25, and 35. */
#define CHECK     SERVICE "    check: {type: "
#define WEB_CHECK CHECK "http, port: 80, "

static struct conf *
parse(const char *text, struct errmsg *why)
{
	return conf_parse("f", text, strlen(text), why);
}

/* clang-format off */
static const struct {
	const char *text, *error;
} bad_rows[] = {
	/* Not YAML, or more of it than is taken. */
	{"", "f:1:1: nothing is configured"},
	{"# nothing\n", "f:1:1: nothing is configured"},
	{"---\n", "f:2:1: the file has no value; give one or leave the key "
	    "out"},
	{"cluster:\n\tseed: x\n", "f:2:1: a tab in the indentation; use "
	    "spaces"},
	{"cluster: {seed: x\n", "f:2:1: not valid YAML: did not find expected "
	    "',' or '}' while parsing a flow mapping"},
	{"cluster: a: b\n", "f:1:11: not valid YAML: mapping values are not "
	    "allowed in this context"},
	{"cluster:\n  seed: @x\n", "f:2:9: not valid YAML: found character "
	    "that cannot start any token while scanning for the next token"},
	{"cluster:\n  s\xc3\xa9 \x01", "f:2:6: control characters are not "
	    "allowed; the file must be plain UTF-8 text"},
	{"cl\xff", "f:1:3: invalid leading UTF-8 octet; the file must be plain "
	    "UTF-8 text"},
	{"cluster: {seed: \"a\\0b\"}\n", "f:1:17: control characters and line "
	    "breaks are not allowed in a value"},
	{"cluster: {seed: |\n  a\n  b\n", "f:1:17: not valid YAML: found "
	    "character that cannot start any token while scanning for the "
	    "next token"},
	{"node: {name: &a lb}\n", "f:1:14: anchors are not supported; remove "
	    "'&a' and write the value where it is needed"},
	{"node: &a {name: lb}\n", "f:1:7: anchors are not supported; remove "
	    "'&a' and write the value where it is needed"},
	{"node: {name: *a}\n", "f:1:14: aliases are not supported; write the "
	    "value instead of '*a'"},
	{"node: {name: !!str lb}\n", "f:1:14: tags are not supported; remove "
	    "'tag:yaml.org,2002:str'"},
	{HEAD "---\n" HEAD, "f:2:1: a second document begins; the file must "
	    "hold one"},
	{"? [a]\n: b\n", "f:1:3: a key must be one word, not a list or a "
	    "mapping"},
	{"[[[[[[[[[[[[[[[[[", "f:1:17: more than 16 levels of nesting"},

	/* Not what the schema says. */
	{"x\n", "f:1:1: the file must be a mapping: lines of 'key: value'"},
	{"node: {name: lb}\n", "f:1:1: the file needs the key 'cluster'"},
	{"cluster: {}\n", "f:1:10: cluster needs the key 'seed'"},
	{"clutser: {seed: " SEED "}\n", "f:1:1: the file has no key 'clutser'; "
	    "did you mean 'cluster'?"},
	{HEAD "zzzzzz: 1\n", "f:2:1: the file has no key 'zzzzzz'; it knows: "
	    "node, balancer, announce, cluster, services"},
	{HEAD "<<: {}\n", "f:2:1: the file has no key '<<'; it knows: node, "
	    "balancer, announce, cluster, services"},
	{HEAD "a-key-that-is-longer-than-any-that-is-known-and-then-some: 1\n",
	    "f:2:1: the file has no key 'a-key-that-is-longer-than-any-that-is"
	    "-known-...'; it knows: node, balancer, announce, cluster, services"},
	{HEAD "node: {name: a, name: b}\n", "f:2:17: 'name' is given twice; "
	    "the first is in line 2"},
	{HEAD HEAD, "f:2:1: 'cluster' is given twice; the first is in line 1"},
	{HEAD "services:\n", "f:2:10: services has no value; give one or leave "
	    "the key out"},
	{HEAD "services: {}\n", "f:2:11: services must be a list: '[a, b]', or "
	    "lines that begin with '- '"},
	{HEAD "services: [x]\n", "f:2:12: an entry of services must be a "
	    "mapping: lines of 'key: value'"},
	{HEAD "node: []\n", "f:2:7: node must be a mapping: lines of 'key: "
	    "value'"},
	{HEAD "node: {name: [a]}\n", "f:2:14: name must be one value"},
	{HEAD "node: {name: \"\"}\n", "f:2:14: name must not be empty"},
	{HEAD "node: {name: }\n", "f:2:14: name has no value; give one or "
	    "leave the key out"},
	{HEAD "balancer: {interfaces: [{name: eth0, driver: xpd}]}\n",
	    "f:2:46: driver must be one of: auto, xdp, pcap; got 'xpd'"},
	{HEAD "balancer: {interfaces: [{name: eth0, xdp_mode: skb}]}\n",
	    "f:2:48: xdp_mode must be one of: auto, native, generic; got "
	    "'skb'"},
	{HEAD "balancer: {bpf_dir: here}\n",
	    "f:2:21: bpf_dir must begin with '/' and have at most 1024 "
	    "characters, got 'here'"},
	{HEAD "balancer: {interfaces: [{driver: auto}]}\n", "f:2:25: an entry "
	    "of interfaces needs the key 'name'"},
	{HEAD "balancer: {encap_source: []}\n", "f:2:26: encap_source needs at "
	    "least one entry; or leave the key out"},
	{HEAD "balancer: {encap_source: [a, b, c]}\n", "f:2:26: encap_source "
	    "has 3 entries; at most 2 are possible"},
	{HEAD "services: [{vips: [192.0.2.1], protocol: tcp}]\n", "f:2:12: an "
	    "entry of services needs the key 'name'"},
	{HEAD "services: [{name: a, protocol: tcp}]\n", "f:2:12: an entry of "
	    "services needs the key 'vips'"},
	{HEAD "services: [{name: a, vips: [192.0.2.1]}]\n", "f:2:12: an entry "
	    "of services needs the key 'protocol'"},
	{HEAD "services: [{name: a, vips: []}]\n", "f:2:28: vips needs at "
	    "least one entry; or leave the key out"},
	{HEAD "services: [{name: a, protocol: 6}]\n", "f:2:32: protocol must "
	    "be one of: tcp, udp; got '6'"},
	{SERVICE "    port: [80]\n", "f:6:5: an entry of services has no key "
	    "'port'; did you mean 'ports'?"},
	{SERVICE "    ports: 80\n", "f:6:12: ports must be a list: '[a, b]', "
	    "or lines that begin with '- '"},
	{SERVICE "    ports: []\n", "f:6:12: ports needs at least one entry; "
	    "or leave the key out"},
	{SERVICE "    ports: [http]\n", "f:6:13: an entry of ports must be a "
	    "whole number, got 'http'"},
	{SERVICE "    ports: [80, 0x50]\n", "f:6:17: an entry of ports must be "
	    "a whole number, got '0x50'"},
	{SERVICE "    ports: [-1]\n", "f:6:13: an entry of ports must be a "
	    "whole number, got '-1'"},
	{SERVICE "    ports: [080]\n", "f:6:13: an entry of ports must be "
	    "without leading zeros, got '080'"},
	{SERVICE "    table_size: 99999999999999999999\n", "f:6:17: table_size "
	    "is far too large: '99999999999999999999'"},
	{SERVICE "    oversize: refused\n", "f:6:15: oversize must be one of: "
	    "fragment, refuse; got 'refused'"},
	{SERVICE "    backends: [{adress: 10.0.0.1}]\n", "f:6:17: an entry of "
	    "backends has no key 'adress'; did you mean 'address'?"},
	{SERVICE "    backends: [{weight: 1}]\n", "f:6:16: an entry of "
	    "backends needs the key 'address'"},
	{SERVICE "    backends: [{address: 10.0.0.1, state: Draining}]\n",
	    "f:6:43: state must be one of: enabled, draining, disabled; got "
	    "'Draining'"},

	/* IPv6 without quotes. */
	{HEAD "services: [{name: a, vips: [::1]}]\n", "f:2:29: not valid YAML "
	    "(did not find expected node content); put an IPv6 address in "
	    "quotes, such as \"2001:db8::1\""},
	{HEAD "services: [{name: a, vips: [2001:db8::, 192.0.2.1]}]\n",
	    "f:2:38: not valid YAML (found unexpected ':'); put an IPv6 "
	    "address in quotes, such as \"2001:db8::1\""},
	{HEAD "services: [{name: a, vips: [2001:db8:: ]}]\n", "f:2:29: an "
	    "entry of vips must be one value; put an IPv6 address in quotes, "
	    "such as \"2001:db8::1\""},

	/* Values by themselves. */
	{HEAD "node: {name: a b}\n", "f:2:14: node.name must be 1 to 63 "
	    "letters, digits, '.', '_' or '-', got 'a b'"},
	{HEAD "node: {run_dir: run}\n", "f:2:17: run_dir must begin with '/', "
	    "got 'run'"},
	{HEAD "node: {user: 'a:b'}\n", "f:2:14: user must be 1 to 63 letters, "
	    "digits, '.', '_' or '-', got 'a:b'"},
	{HEAD "balancer: {interfaces: [{name: abcdefghijklmnop}]}\n",
	    "f:2:32: an interface name has 1 to 15 characters and no '/', ':', "
	    "'%' or space, got 'abcdefghijklmnop'"},
	{HEAD "balancer: {interfaces: [{name: ../x}]}\n",
	    "f:2:32: an interface name has 1 to 15 characters and no '/', ':', "
	    "'%' or space, got '../x'"},
	{HEAD "balancer: {interfaces: [{name: a}, {name: b}, {name: a}]}\n",
	    "f:2:54: interface a is listed twice"},
	{HEAD "node: {state_dir: var}\n", "f:2:19: state_dir must begin with "
	    "'/' and have at most 1024 characters, got 'var'"},
	{HEAD "announce: {device: a/b}\n", "f:2:20: an interface name has 1 to "
	    "15 characters and no '/', ':', '%' or space, got 'a/b'"},
	{HEAD "announce: {device: gw%d}\n", "f:2:20: an interface name has 1 "
	    "to 15 characters and no '/', ':', '%' or space, got 'gw%d'"},
	{HEAD "announce: {device: ..}\n", "f:2:20: an interface name has 1 to "
	    "15 characters and no '/', ':', '%' or space, got '..'"},
	{HEAD "balancer: {interfaces: [{name: a}]}\nannounce: {device: a}\n",
	    "f:3:20: device a is listed in balancer.interfaces; this one must "
	    "be nobody else's"},
	{HEAD "announce: {table: 0}\n", "f:2:19: table must be 1..4294967295 "
	    "but none of the kernel's own, which are 253..255, got 0"},
	{HEAD "announce: {table: 254}\n", "f:2:19: table must be "
	    "1..4294967295 but none of the kernel's own, which are 253..255, "
	    "got 254"},
	{HEAD "announce: {table: 4294967296}\n", "f:2:19: table must be "
	    "1..4294967295 but none of the kernel's own, which are 253..255, "
	    "got 4294967296"},
	{HEAD "announce: {bird: bird.ctl}\n", "f:2:18: bird must be the path "
	    "of BIRD's control socket, which begins with '/' and has at most "
	    "107 characters, got 'bird.ctl'"},
	{HEAD "announce: {agent_grace: 0}\n", "f:2:25: agent_grace must be "
	    "1..86400 seconds, got 0"},
	{HEAD "announce: {agent_grace: 86401}\n", "f:2:25: agent_grace must be "
	    "1..86400 seconds, got 86401"},
	{HEAD "announce: {graceful_shutdown: 3601}\n", "f:2:31: "
	    "graceful_shutdown must be 0..3600 seconds, got 3601"},
	{HEAD "announce: {drain_quiet: 0}\n", "f:2:25: drain_quiet must be "
	    "1..86400 seconds, got 0"},
	{SERVICE "    announce_min: 65536\n", "f:6:19: announce_min must be "
	    "0..65535 backends, got 65536"},
	{SERVICE "    announce_again: 65536\n", "f:6:21: announce_again must "
	    "be 0..65535 backends, got 65536"},
	{SERVICE "    announce_again: 0\n", "f:6:21: announce_again must not "
	    "be less than announce_min, which is 1, got 0"},
	{SERVICE "    panic: 101\n", "f:6:12: panic must be 0..100 per cent, "
	    "got 101"},
	{SERVICE "    settle_time: 86401\n", "f:6:18: settle_time must be "
	    "0..86400 seconds, got 86401"},
	{SERVICE "    udp_learn: 86401\n", "f:6:16: udp_learn must be "
	    "0..86400 seconds, got 86401"},
	{SERVICE "    tcp_idle: 0\n", "f:6:15: tcp_idle must be 1..86400 "
	    "seconds, got 0"},
	{SERVICE "    udp_idle: 0\n", "f:6:15: udp_idle must be 1..86400 "
	    "seconds, got 0"},
	{SERVICE "    udp_idle: 4294967297\n", "f:6:15: udp_idle must be "
	    "1..86400 seconds, got 4294967297"},
	{SERVICE "    slow_start: 3601\n", "f:6:17: slow_start must be 0..3600 "
	    "seconds, got 3601"},
	{SERVICE "    slow_start: 4294967296\n", "f:6:17: slow_start must be "
	    "0..3600 seconds, got 4294967296"},
	{SERVICE "    on_down: drop\n", "f:6:14: on_down must be one of: "
	    "reset, keep; got 'drop'"},
	{SERVICE "    check: {}\n", "f:6:12: check needs the key 'type'"},
	{SERVICE "    check: {type: ping}\n", "f:6:19: type must be one of: "
	    "none, tcp, http, https, udp, dns, icmp; got 'ping'"},
	{SERVICE "    check: {type: tcp}\n", "f:6:12: check needs the key "
	    "'port', since the service has no 'ports' to take the first of"},
	{CHECK "tcp, port: 0}\n", "f:6:30: port must be 1..65535, got 0"},
	{CHECK "tcp, port: 65536}\n", "f:6:30: port must be 1..65535, got "
	    "65536"},
	{CHECK "icmp, port: 80}\n", "f:6:25: a check of type icmp has no "
	    "'port'"},
	{CHECK "none, rise: 2}\n", "f:6:25: a check of type none has no "
	    "'rise'"},
	{WEB_CHECK "send: x}\n", "f:6:35: a check of type http has no 'send'"},
	{WEB_CHECK "insecure: true}\n", "f:6:35: a check of type http has no "
	    "'insecure'"},
	{WEB_CHECK "tunnel: yes}\n", "f:6:43: tunnel must be one of: true, "
	    "false; got 'yes'"},
	{WEB_CHECK "interval: 2s}\n", "f:6:45: interval must be seconds such "
	    "as 2 or 0.25, got '2s'"},
	{WEB_CHECK "interval: .5}\n", "f:6:45: interval must be seconds such "
	    "as 2 or 0.25, got '.5'"},
	{WEB_CHECK "interval: 1.}\n", "f:6:45: interval must be seconds such "
	    "as 2 or 0.25, got '1.'"},
	{WEB_CHECK "interval: 01}\n", "f:6:45: interval must be seconds such "
	    "as 2 or 0.25, got '01'"},
	{WEB_CHECK "interval: 0.1234}\n", "f:6:45: interval must be seconds "
	    "such as 2 or 0.25, got '0.1234'"},
	{WEB_CHECK "interval: 1.2.3}\n", "f:6:45: interval must be seconds "
	    "such as 2 or 0.25, got '1.2.3'"},
	{WEB_CHECK "interval: 1000000}\n", "f:6:45: interval must be seconds "
	    "such as 2 or 0.25, got '1000000'"},
	{WEB_CHECK "interval: 0.099}\n", "f:6:45: interval must be 0.1..3600 "
	    "seconds, got 99 ms"},
	{WEB_CHECK "interval: 3600.001}\n", "f:6:45: interval must be "
	    "0.1..3600 seconds, got 3600001 ms"},
	{WEB_CHECK "timeout: 0.009}\n", "f:6:44: timeout must be 10 ms up to "
	    "the interval, which is 2000 ms, got 9 ms"},
	{WEB_CHECK "timeout: 2.001}\n", "f:6:44: timeout must be 10 ms up to "
	    "the interval, which is 2000 ms, got 2001 ms"},
	{WEB_CHECK "rise: 0}\n", "f:6:41: rise must be 1..100, got 0"},
	{WEB_CHECK "rise: 256}\n", "f:6:41: rise must be 1..100, got 256"},
	{WEB_CHECK "fall: 101}\n", "f:6:41: fall must be 1..100, got 101"},
	{WEB_CHECK "path: health}\n", "f:6:41: path must begin with '/'"},
	{WEB_CHECK "path: '/a b'}\n", "f:6:41: path must be of printable ASCII "
	    "characters without spaces and '#'; percent-encode others"},
	{WEB_CHECK "host: 'a:80'}\n", "f:6:41: host must be a host name or an "
	    "address, without a port and without a dot at the end"},
	{WEB_CHECK "status: 99}\n", "f:6:43: status must be 100..599, or two "
	    "of them such as 200-399, got '99'"},
	{WEB_CHECK "status: 200x}\n", "f:6:43: status must be 100..599, or two "
	    "of them such as 200-399, got '200x'"},
	{WEB_CHECK "status: 200-}\n", "f:6:43: status must be 100..599, or two "
	    "of them such as 200-399, got '200-'"},
	{WEB_CHECK "status: 200-3999}\n", "f:6:43: status must be 100..599, or "
	    "two of them such as 200-399, got '200-3999'"},
	{WEB_CHECK "status: 300-200}\n", "f:6:43: status must be 100..599, or "
	    "two of them from low to high such as 200-399"},
	{CHECK "udp, port: 1}\n", "f:6:12: send must say what is sent, for "
	    "type udp"},
	{CHECK "dns, port: 53}\n", "f:6:12: host must be the domain name to "
	    "ask for"},
	{CHECK "dns, port: 53, host: a..b}\n", "f:6:40: host must be the "
	    "domain name to ask for"},
	{HEAD "balancer: {encap_source: [eth0]}\n", "f:2:27: encap_source must "
	    "be an address or a prefix such as 10.1.0.0/24, got 'eth0'"},
	{HEAD "balancer: {encap_source: [10.0.0.0/33]}\n", "f:2:27: "
	    "encap_source must be an address or a prefix such as 10.1.0.0/24, "
	    "got '10.0.0.0/33'"},
	{HEAD "balancer: {encap_source: [10.0.0.0/]}\n", "f:2:27: encap_source "
	    "must be an address or a prefix such as 10.1.0.0/24, got "
	    "'10.0.0.0/'"},
	{HEAD "balancer: {encap_source: ['::/64']}\n", "f:2:27: encap_source "
	    "must be an address or a prefix such as 10.1.0.0/24, got '::/64'"},
	{HEAD "balancer: {encap_source: [10.0.0.0/7]}\n", "f:2:27: IPv4 "
	    "encapsulation source: prefix length must be 8..32, got 7"},
	{HEAD "balancer: {encap_source: [10.0.0.1/24]}\n", "f:2:27: IPv4 "
	    "encapsulation source: bits are set after the first 24; give the "
	    "prefix itself, or one address"},
	{HEAD "balancer: {encap_source: [10.0.0.1, 10.0.0.2]}\n", "f:2:37: "
	    "encap_source has two IPv4 entries; give at most one of each IP "
	    "version"},
	{"cluster: {seed: 00}\n", "f:1:17: seed must be 32 hexadecimal digits, "
	    "the same on all nodes and secret; `openssl rand -hex 16` makes "
	    "one"},
	{"cluster: {seed: 000102030405060708090a0b0c0d0e0g}\n", "f:1:17: seed "
	    "must be 32 hexadecimal digits, the same on all nodes and secret; "
	    "`openssl rand -hex 16` makes one"},
	{"cluster: {seed: " SEED "0}\n", "f:1:17: seed must be 32 hexadecimal "
	    "digits, the same on all nodes and secret; `openssl rand -hex 16` "
	    "makes one"},
	{"cluster: {seed: " SEED ", nodes: [{name: a, address: 10.0.0.1}]}\n",
	    "f:1:58: nodes is of a cluster, which needs a name; give "
	    "cluster.name, the same on all nodes"},
	{"cluster: {seed: " SEED ", identity: /i}\n", "f:1:61: identity is of "
	    "a cluster, which needs a name; give cluster.name, the same on all "
	    "nodes"},
	{"cluster: {seed: " SEED ", psk: /i}\n", "f:1:56: psk is of a cluster, "
	    "which needs a name; give cluster.name, the same on all nodes"},
	{"cluster: {seed: " SEED ", insecure: false}\n", "f:1:61: insecure is "
	    "of a cluster, which needs a name; give cluster.name, the same on "
	    "all nodes"},
	{"cluster: {seed: " SEED ", share_flows: false}\n", "f:1:64: "
	    "share_flows is of a cluster, which needs a name; give "
	    "cluster.name, the same on all nodes"},
	{CLUSTER, "f:4:9: a cluster needs the key 'nodes', which lists all "
	    "nodes, this one too"},
	{CLUSTER "  nodes: []\n", "f:5:10: nodes needs at least one entry; or "
	    "leave the key out"},
	{CLUSTER "  nodes: [{name: a}]\n", "f:5:11: an entry of nodes needs "
	    "the key 'address'"},
	{CLUSTER "  nodes: [{name: b, address: 10.0.0.1}]\n", "f:5:10: nodes "
	    "must list this node, 'a', too; or node.name is wrong"},
	{CLUSTER "  nodes: [{name: a/b, address: 10.0.0.1}]\n", "f:5:18: name "
	    "must be 1 to 63 letters, digits, '.', '_' or '-', got 'a/b'"},
	{CLUSTER "  nodes: [{name: a, address: 0.0.0.0}]\n", "f:5:30: address "
	    "must be a unicast IPv4 or IPv6 address, not of link scope, got "
	    "'0.0.0.0'"},
	{CLUSTER "  nodes: [{name: a, address: 'fe80::1'}]\n", "f:5:30: "
	    "address must be a unicast IPv4 or IPv6 address, not of link "
	    "scope, got 'fe80::1'"},
	{CLUSTER "  nodes: [{name: a, address: lb1}]\n", "f:5:30: address must "
	    "be a unicast IPv4 or IPv6 address, not of link scope, got 'lb1'"},
	{CLUSTER "  nodes: [{name: a, address: 10.0.0.1, port: 0}]\n",
	    "f:5:46: port must be 1..65535, got 0"},
	{CLUSTER "  nodes: [{name: a, address: 10.0.0.1, port: 65536}]\n",
	    "f:5:46: port must be 1..65535, got 65536"},
	{CLUSTER "  nodes:\n    - {name: a, address: 10.0.0.1}\n"
	    "    - {name: a, address: 10.0.0.2}\n", "f:7:14: a node a is there "
	    "already, in line 6"},
	{CLUSTER "  nodes:\n    - {name: a, address: 10.0.0.1}\n"
	    "    - {name: b, address: 10.0.0.1, port: 7411}\n", "f:7:26: "
	    "10.0.0.1, port 7411 is node a's already, in line 6; each node "
	    "needs an address or a port of its own"},
	{CLUSTER NODES "  identity: i\n", "f:6:13: identity must be the path "
	    "of a file, which begins with '/' and has at most 1024 "
	    "characters, got 'i'"},
	{CLUSTER NODES "  psk: i\n", "f:6:8: psk must be the path of a file, "
	    "which begins with '/' and has at most 1024 characters, got 'i'"},
	{CLUSTER NODES "  identity: /i\n  psk: /i\n", "f:7:8: identity, psk "
	    "and 'insecure: true' are three ways to trust the other nodes; "
	    "give one of them"},
	{CLUSTER NODES "  psk: /i\n  insecure: true\n", "f:7:13: identity, "
	    "psk and 'insecure: true' are three ways to trust the other "
	    "nodes; give one of them"},
	{CLUSTER "  insecure: true\n  nodes:\n    - {name: b, address: '::1'}"
	    "\n    - {name: a, address: 10.0.0.1}\n", "f:8:26: with "
	    "'insecure: true' all nodes must be on loopback, got 10.0.0.1; "
	    "give identity or psk instead"},
	{"cluster: {seed: " SEED ", name: c/d}\n", "f:1:57: name must be 1 to "
	    "63 letters, digits, '.', '_' or '-', got 'c/d'"},
	{HEAD "services: [{name: a/b, vips: [192.0.2.1], protocol: tcp}]\n",
	    "f:2:19: name must be 1 to 63 letters, digits, '.', '_' or '-', "
	    "got 'a/b'"},
	{HEAD "services: [{name: a, vips: [web], protocol: tcp}]\n",
	    "f:2:29: a VIP must be an IPv4 or IPv6 address, got 'web'"},
	{HEAD "services: [{name: a, vips: [192.0.2.1, 224.0.0.1], "
	    "protocol: tcp}]\n", "f:2:40: a VIP must be a unicast address, not "
	    "of loopback or link scope, got '224.0.0.1'"},
	{SERVICE "    ports: [80, 0]\n", "f:6:17: a port must be 1..65535, got "
	    "0; for every port leave 'ports' out"},
	{SERVICE "    ports: [65536]\n", "f:6:13: a port must be 1..65535, got "
	    "65536; for every port leave 'ports' out"},
	{SERVICE "    table_size: 128\n", "f:6:17: table_size must be a power "
	    "of two, 256..1048576, got 128"},
	{SERVICE "    table_size: 2097152\n", "f:6:17: table_size must be a "
	    "power of two, 256..1048576, got 2097152"},
	{SERVICE "    table_size: 65537\n", "f:6:17: table_size must be a "
	    "power of two, 256..1048576, got 65537"},
	{SERVICE "    backends: [{address: 10.0.0.1/32}]\n", "f:6:26: address "
	    "must be an IPv4 or IPv6 address, got '10.0.0.1/32'"},
	{SERVICE "    backends: [{address: 127.0.0.1}]\n", "f:6:26: address "
	    "must be a unicast address, not of loopback or link scope, got "
	    "'127.0.0.1'"},
	{SERVICE "    backends: [{address: '0::1'}]\n", "f:6:26: address must "
	    "be a unicast address, not of loopback or link scope, got '0::1'"},
	{SERVICE "    backends: [{address: 'fe80::1'}]\n", "f:6:26: address "
	    "must be a unicast address, not of loopback or link scope, got "
	    "'fe80::1'"},
	{SERVICE "    backends:\n    - address: 10.0.0.1\n      weight: 0\n",
	    "f:8:15: weight must be 1..65535, got 0; to take nothing new: "
	    "state: draining"},
	{SERVICE "    backends: [{address: 10.0.0.1, weight: 65536}]\n",
	    "f:6:44: weight must be 1..65535, got 65536"},

	/* What does not fit together. */
	{SERVICE "  - {name: web, vips: [192.0.2.81], protocol: tcp}\n",
	    "f:6:12: a service web is there already, in line 3"},
	{SERVICE "  - {name: b, vips: [192.0.2.81, 192.0.2.80], protocol: tcp}"
	    "\n", "f:6:34: VIP 192.0.2.80, tcp, every port is service web's "
	    "already, in line 3; each VIP, protocol and port can be in one "
	    "service"},
	{SERVICE "    ports: [80, 443]\n  - {name: b, vips: [192.0.2.80], "
	    "protocol: tcp, ports: [1, 443]}\n", "f:7:22: VIP 192.0.2.80, "
	    "tcp, port 443 is service web's already, in line 3; each VIP, "
	    "protocol and port can be in one service"},
	{SERVICE "    ports: [80, 443, 80]\n", "f:6:22: port 80 is listed "
	    "twice"},
	{HEAD "services: [{name: a, vips: [192.0.2.1, 192.0.2.1], protocol: "
	    "udp, ports: [1, 2]}]\n", "f:2:40: VIP 192.0.2.1 is listed twice"},
	{SERVICE "    backends:\n    - address: 10.0.0.1\n    - address: "
	    "10.0.0.2\n    - address: 10.0.0.1\n", "f:9:16: backend 10.0.0.1 "
	    "is listed twice; the first is in line 7"},
	{SERVICE "    backends: [{address: 192.0.2.80}]\n", "f:6:26: "
	    "192.0.2.80 is a VIP of service web as well; a backend needs an "
	    "address of its own to be reached at"},
	{"balancer: {encap_source: [10.8.0.0/13]}\n" SERVICE "    backends: "
	    "[{address: 10.16.0.1}, {address: 10.15.0.1}]\n", "f:7:38: backend "
	    "10.15.0.1 is among the addresses of balancer.encap_source, which "
	    "must be nobody else's"},
	{"balancer: {encap_source: [192.0.2.80]}\n" SERVICE, "f:5:12: VIP "
	    "192.0.2.80 is among the addresses of balancer.encap_source, which "
	    "must be nobody else's"},
};
/* clang-format on */

START_TEST(bad)
{
	struct errmsg why = {""};

	ck_assert_ptr_null(parse(bad_rows[_i].text, &why));
	ck_assert_str_eq(why.text, bad_rows[_i].error);
	ck_assert_msg(parse(bad_rows[_i].text, NULL) == NULL, "no errmsg");
}
END_TEST

#define NODE \
	"node: {name: lb1, run_dir: /run/x, state_dir: /var/x, user: " \
	"nobody}\n"
#define NODE_PRINTED \
	"node:\n" \
	"  name: \"lb1\"\n" \
	"  run_dir: \"/run/x\"\n" \
	"  state_dir: \"/var/x\"\n" \
	"  user: \"nobody\"\n"
#define ANNOUNCE_PRINTED \
	"announce:\n" \
	"  enabled: true\n" \
	"  device: \"gw0\"\n" \
	"  table: 177\n" \
	"  bird: \"/run/bird/bird.ctl\"\n" \
	"  agent_grace: 30\n" \
	"  graceful_shutdown: 0\n" \
	"  drain_quiet: 60\n"
#define MOVES_PRINTED \
	"    settle_time: 900\n    udp_learn: 30\n" \
	"    tcp_idle: 3600\n    udp_idle: 180\n    slow_start: 0\n" \
	"    on_down: reset\n"
#define NO_CHECK "    check:\n      type: none\n    panic: 25\n" MOVES_PRINTED
#define SERVICE_PRINTED \
	"    table_size: 65536\n    oversize: fragment\n" \
	"    announce_min: 1\n    announce_again: 1\n"
#define NODES_PRINTED \
	"  name: \"site1\"\n" \
	"  nodes:\n" \
	"    - {name: \"lb1\", address: \"10.0.0.1\", port: 7411}\n" \
	"    - {name: \"lb2\", address: \"2001:db8::2\", port: 1}\n"
#define BPF_DIR_PRINTED "  bpf_dir: \"/sys/fs/bpf/guideway\"\n"
#define SEED_PRINTED    ANNOUNCE_PRINTED "cluster:\n  seed: \"" SEED "\"\n"

/* clang-format off */
static const struct {
	const char *text, *printed;
} good_rows[] = {
	{NODE HEAD, NODE_PRINTED "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED SEED_PRINTED
	    "services: []\n"},
	{HEAD NODE "services: []\nbalancer: {interfaces: []}\n", NODE_PRINTED
	    "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED SEED_PRINTED "services: []\n"},
	{"\xef\xbb\xbf%YAML 1.1\n---\n" NODE HEAD "...\n", NODE_PRINTED
	    "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED SEED_PRINTED "services: []\n"},
	{NODE "cluster: {seed: 00112233445566778899AABBCCDDEEFF}\n"
	    "balancer:\n"
	    "  encap_source: ['FD00:0::/64', 198.18.0.0/16]\n"
	    "  bpf_dir: /b\n"
	    "  interfaces: [{name: eth0}, {driver: pcap, name: eth0.5},\n"
	    "   {name: eth1, driver: xdp, xdp_mode: native}]\n",
	    NODE_PRINTED
	    "balancer:\n"
	    "  interfaces:\n"
	    "    - {name: \"eth0\", driver: auto, xdp_mode: auto}\n"
	    "    - {name: \"eth0.5\", driver: pcap, xdp_mode: auto}\n"
	    "    - {name: \"eth1\", driver: xdp, xdp_mode: native}\n"
	    "  bpf_dir: \"/b\"\n"
	    "  encap_source: [\"198.18.0.0/16\", \"fd00::/64\"]\n"
	    ANNOUNCE_PRINTED
	    "cluster:\n  seed: \"00112233445566778899aabbccddeeff\"\n"
	    "services: []\n"},
	{NODE HEAD
	    "services:\n"
	    "- {name: 'yes', vips: [192.0.2.1], protocol: udp}\n"
	    "- name: web\n"
	    "  vips: [2001:DB8::1, 192.0.2.1]\n"
	    "  protocol: tcp\n"
	    "  ports: [1, 65535]\n"
	    "  table_size: 1048576\n"
	    "  oversize: refuse\n"
	    "  announce_min: 2\n"
	    "  announce_again: 65535\n"
	    "  backends:\n"
	    "  - address: 2001:db8:0::2\n"
	    "  - {address: 10.0.0.1, weight: 65535, state: draining}\n"
	    "  - {state: disabled, address: 10.0.0.2, weight: 1}\n"
	    "- {name: any, vips: [192.0.2.1], protocol: tcp, table_size: 256,\n"
	    "   oversize: fragment, backends: [{address: 10.0.0.1}]}\n"
	    "- {name: three, vips: [192.0.2.3], protocol: tcp,\n"
	    "   announce_min: 3}\n",
	    NODE_PRINTED "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED SEED_PRINTED
	    "services:\n"
	    "  - name: \"yes\"\n"
	    "    vips: [\"192.0.2.1\"]\n"
	    "    protocol: udp\n"
	    "    table_size: 65536\n"
	    "    oversize: fragment\n"
	    "    announce_min: 1\n    announce_again: 1\n"
	    NO_CHECK
	    "    backends: []\n"
	    "  - name: \"web\"\n"
	    "    vips: [\"2001:db8::1\", \"192.0.2.1\"]\n"
	    "    protocol: tcp\n"
	    "    ports: [1, 65535]\n"
	    "    table_size: 1048576\n"
	    "    oversize: refuse\n"
	    "    announce_min: 2\n    announce_again: 65535\n"
	    NO_CHECK
	    "    backends:\n"
	    "      - {address: \"2001:db8::2\", weight: 1, state: enabled}\n"
	    "      - {address: \"10.0.0.1\", weight: 65535, state: draining}\n"
	    "      - {address: \"10.0.0.2\", weight: 1, state: disabled}\n"
	    "  - name: \"any\"\n"
	    "    vips: [\"192.0.2.1\"]\n"
	    "    protocol: tcp\n"
	    "    table_size: 256\n"
	    "    oversize: fragment\n"
	    "    announce_min: 1\n    announce_again: 1\n"
	    NO_CHECK
	    "    backends:\n"
	    "      - {address: \"10.0.0.1\", weight: 1, state: enabled}\n"
	    "  - name: \"three\"\n"
	    "    vips: [\"192.0.2.3\"]\n"
	    "    protocol: tcp\n"
	    "    table_size: 65536\n"
	    "    oversize: fragment\n"
	    "    announce_min: 3\n    announce_again: 3\n"
	    NO_CHECK
	    "    backends: []\n"},
	{NODE HEAD
	    "services:\n"
	    "- {name: h, vips: [192.0.2.1], protocol: tcp, ports: [8443, 80],\n"
	    "   check: {type: https, host: a.example, path: '/\"\\?a=1',\n"
	    "     status: 204, interval: 0.25, rise: 100, fall: 1,\n"
	    "     insecure: true, tunnel: true}, panic: 0}\n"
	    "- {name: u, vips: [192.0.2.1], protocol: udp, panic: 100,\n"
	    "   settle_time: 0, udp_learn: 86400, tcp_idle: 1,\n"
	    "   udp_idle: 86400, on_down: keep, slow_start: 3600,\n"
	    "   check: {type: udp, port: 65535, send: 'a: %', expect: no,\n"
	    "     interval: 3600, timeout: 0.01}}\n"
	    "- {name: p, vips: [192.0.2.2], protocol: udp,\n"
	    "   check: {type: icmp, interval: 10.000}}\n"
	    "- {name: d, vips: [192.0.2.3], protocol: udp, ports: [53],\n"
	    "   check: {type: dns, host: ., tunnel: false}}\n",
	    NODE_PRINTED "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED SEED_PRINTED
	    "services:\n"
	    "  - name: \"h\"\n"
	    "    vips: [\"192.0.2.1\"]\n"
	    "    protocol: tcp\n"
	    "    ports: [8443, 80]\n"
	    SERVICE_PRINTED
	    "    check:\n"
	    "      type: https\n"
	    "      port: 8443\n"
	    "      tunnel: true\n"
	    "      interval: 0.25\n"
	    "      timeout: 0.125\n"
	    "      rise: 100\n"
	    "      fall: 1\n"
	    "      host: \"a.example\"\n"
	    "      path: \"/\\\"\\\\?a=1\"\n"
	    "      status: 204-204\n"
	    "      insecure: true\n"
	    "    panic: 0\n"
	    MOVES_PRINTED
	    "    backends: []\n"
	    "  - name: \"u\"\n"
	    "    vips: [\"192.0.2.1\"]\n"
	    "    protocol: udp\n"
	    SERVICE_PRINTED
	    "    check:\n"
	    "      type: udp\n"
	    "      port: 65535\n"
	    "      tunnel: false\n"
	    "      interval: 3600\n"
	    "      timeout: 0.01\n"
	    "      rise: 2\n"
	    "      fall: 3\n"
	    "      send: \"a: %\"\n"
	    "      expect: \"no\"\n"
	    "    panic: 100\n"
	    "    settle_time: 0\n"
	    "    udp_learn: 86400\n"
	    "    tcp_idle: 1\n"
	    "    udp_idle: 86400\n"
	    "    slow_start: 3600\n"
	    "    on_down: keep\n"
	    "    backends: []\n"
	    "  - name: \"p\"\n"
	    "    vips: [\"192.0.2.2\"]\n"
	    "    protocol: udp\n"
	    SERVICE_PRINTED
	    "    check:\n"
	    "      type: icmp\n"
	    "      tunnel: false\n"
	    "      interval: 10\n"
	    "      timeout: 5\n"
	    "      rise: 2\n"
	    "      fall: 3\n"
	    "    panic: 25\n"
	    MOVES_PRINTED
	    "    backends: []\n"
	    "  - name: \"d\"\n"
	    "    vips: [\"192.0.2.3\"]\n"
	    "    protocol: udp\n"
	    "    ports: [53]\n"
	    SERVICE_PRINTED
	    "    check:\n"
	    "      type: dns\n"
	    "      port: 53\n"
	    "      tunnel: false\n"
	    "      interval: 2\n"
	    "      timeout: 1\n"
	    "      rise: 2\n"
	    "      fall: 3\n"
	    "      host: \".\"\n"
	    "    panic: 25\n"
	    MOVES_PRINTED
	    "    backends: []\n"},
	{NODE HEAD
	    "announce: {enabled: false, device: rt0, table: 4294967295,\n"
	    "  bird: /b, agent_grace: 86400, graceful_shutdown: 3600,\n"
	    "  drain_quiet: 1}\n",
	    NODE_PRINTED "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED
	    "announce:\n"
	    "  enabled: false\n"
	    "  device: \"rt0\"\n"
	    "  table: 4294967295\n"
	    "  bird: \"/b\"\n"
	    "  agent_grace: 86400\n"
	    "  graceful_shutdown: 3600\n"
	    "  drain_quiet: 1\n"
	    "cluster:\n  seed: \"" SEED "\"\n"
	    "services: []\n"},
	{NODE "cluster:\n"
	    "  seed: " SEED "\n  name: site1\n  nodes:\n"
	    "  - {name: lb2, address: '2001:DB8::2', port: 1}\n"
	    "  - {name: lb1, address: 10.0.0.1}\n",
	    NODE_PRINTED "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED SEED_PRINTED
	    NODES_PRINTED "  identity: \"" CONF_IDENTITY_PATH "\"\n"
	    "services: []\n"},
	{NODE "cluster:\n"
	    "  seed: " SEED "\n  name: site1\n  psk: /k\n"
	    "  insecure: false\n  share_flows: false\n  nodes:\n"
	    "  - {name: lb1, address: 10.0.0.1}\n"
	    "  - {name: lb2, address: '2001:DB8::2', port: 1}\n",
	    NODE_PRINTED "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED SEED_PRINTED
	    NODES_PRINTED "  psk: \"/k\"\n"
	    "  share_flows: false\n"
	    "services: []\n"},
	{NODE "cluster:\n"
	    "  seed: " SEED "\n  name: site1\n  insecure: true\n  nodes:\n"
	    "  - {name: lb1, address: 127.9.9.9, port: 65535}\n"
	    "  - {name: lb2, address: '::1'}\n",
	    NODE_PRINTED "balancer:\n  interfaces: []\n" BPF_DIR_PRINTED SEED_PRINTED
	    "  name: \"site1\"\n  nodes:\n"
	    "    - {name: \"lb1\", address: \"127.9.9.9\", port: 65535}\n"
	    "    - {name: \"lb2\", address: \"::1\", port: 7411}\n"
	    "  insecure: true\n"
	    "services: []\n"},
};
/* clang-format on */

/* Prints, reads that again, and checks that what follows from it is valid. */
static char *
print_twice(const struct conf *c)
{
	char *first = conf_print(c), *second;
	struct errmsg why = {""};
	struct conf *again = parse(first, &why);
	struct forwarding *f;

	ck_assert_msg(again != NULL, "%s\n%s", why.text, first);
	second = conf_print(again);
	ck_assert_str_eq(first, second);
	f = view_forwarding(again, NULL, 0, 1);
	ck_assert_msg(forwarding_check(f, &why) == 0, "%s", why.text);
	forwarding_free(f);
	free(second);
	conf_free(again);
	return first;
}

START_TEST(good)
{
	struct errmsg why = {""};
	struct conf *c = parse(good_rows[_i].text, &why);
	char *printed;

	ck_assert_msg(c != NULL, "%s", why.text);
	printed = print_twice(c);
	ck_assert_str_eq(printed, good_rows[_i].printed);
	free(printed);
	conf_free(c);
}
END_TEST

START_TEST(defaults_of_the_machine)
{
	char host[256] = "";
	struct conf *c = parse(HEAD, NULL);

	ck_assert_ptr_nonnull(c);
	gethostname(host, sizeof(host) - 1);
	ck_assert_str_eq(c->node_name, host);
	ck_assert_str_eq(c->run_dir, RUNDIR);
	ck_assert_str_eq(c->state_dir, STATEDIR);
	ck_assert_str_eq(c->path, "f");
	ck_assert(addr_is_none(&c->source4.addr));
	ck_assert(addr_is_none(&c->source6.addr));
	free(print_twice(c));
	conf_free(c);
}
END_TEST

/* Cut anywhere, a file gives an error with its place, or (where a whole line is
 * missing) a smaller configuration; never half a value. */
START_TEST(cut_at_every_byte)
{
	const char *text = good_rows[ROWS(good_rows) - 1].text;
	size_t len = strlen(text);

	for (size_t cut = 0; cut < len; cut++) {
		struct errmsg why = {""};
		struct conf *c = conf_parse("f", text, cut, &why);

		if (c == NULL)
			ck_assert_msg(strncmp(why.text, "f:", 2) == 0 &&
				isdigit((unsigned char)why.text[2]),
			    "%zu: %s", cut, why.text);
		else
			free(print_twice(c));
		conf_free(c);
	}
}
END_TEST

START_TEST(sample_is_valid)
{
	struct errmsg why = {""};
	struct conf *c = conf_load(SRCDIR "/deploy/guideway.yaml", &why);

	ck_assert_msg(c != NULL, "%s", why.text);
	ck_assert_uint_eq(c->n_services, 2);
	ck_assert_uint_eq(c->n_interfaces, 1);
	free(print_twice(c));
	conf_free(c);
}
END_TEST

/* n copies of `unit` with the place of %zu filled, between head and tail. */
static char *
repeat(const char *head, const char *unit, size_t n, const char *tail)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fputs(head, out);
	for (size_t i = 0; i < n; i++) {
		/* Two bytes of an address count to 65,535. */
		for (const char *p = unit; *p != '\0'; p++)
			if (*p == '%')
				fprintf(out, "%zu.%zu", i / 256, i % 256);
			else if (*p == '#')
				fprintf(out, "%zu", i);
			else
				fputc(*p, out);
	}
	fputs(tail, out);
	fclose(out);
	return text;
}

#define BIG_TABLE "    table_size: 65536\n    backends:\n"

/* clang-format off */
static const struct {
	const char *head, *unit;
	size_t most;
	const char *tail;
	const char *error; /* for one more */
} count_rows[] = {
	{SERVICE BIG_TABLE, "    - {address: 10.0.%}\n", 32000, "",
	    "f:8:5: backends has 32001 entries; at most 32000 are possible"},
	{SERVICE "    table_size: 256\n    backends:\n",
	    "    - {address: 10.0.%}\n", 256, "",
	    "f:6:17: table_size 256 is less than the 257 backends"},
	{HEAD "services:\n",
	    "- {name: s#, vips: [10.0.%], protocol: tcp}\n", 1024, "",
	    "f:3:1: services has 1025 entries; at most 1024 are possible"},
	{HEAD "balancer:\n  interfaces:\n", "  - {name: eth#}\n", 64, "",
	    "f:4:3: interfaces has 65 entries; at most 64 are possible"},
	{HEAD "services:\n- {name: a, protocol: tcp, ports: [1, 2], vips: [",
	    "10.0.%, ", 2048, "]}\n", "f:3:49: 4098 endpoints (each VIP with "
	    "each port) up to here; at most 4096 are possible in all"},
	{"node: {name: n0}\n" "cluster:\n  seed: " SEED "\n  name: c\n"
	    "  nodes:\n", "  - {name: n#, address: 10.0.%}\n", 64, "",
	    "f:6:3: nodes has 65 entries; at most 64 are possible"},
	{"node: {run_dir: /", "x", 92, "}\n" HEAD,
	    "f:1:17: run_dir must be at most 93 characters, as it is part of "
	    "the names of sockets; it has 94"},
	{"node: {name: ", "x", 63, "}\n" HEAD,
	    "f:1:14: node.name must be 1 to 63 letters, digits, '.', '_' or "
	    "'-', got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"},
};
/* clang-format on */

START_TEST(at_the_limit_and_over)
{
	for (size_t more = 0; more < 2; more++) {
		struct errmsg why = {""};
		char *text = repeat(count_rows[_i].head, count_rows[_i].unit,
		    count_rows[_i].most + more, count_rows[_i].tail);
		struct conf *c = parse(text, &why);

		if (more == 0)
			ck_assert_msg(c != NULL, "%s", why.text);
		else
			ck_assert_str_eq(why.text, count_rows[_i].error);
		if (c != NULL)
			free(print_twice(c));
		conf_free(c);
		free(text);
	}
}
END_TEST

START_TEST(different_backends_in_all)
{
	struct errmsg why = {""};
	char *many = repeat(SERVICE BIG_TABLE, "    - {address: 10.0.%}\n",
	    32000,
	    "  - name: b\n    vips: [192.0.2.81]\n    protocol: tcp\n"
	    "    backends: [{address: 10.0.0.0}, {address: 10.9.9.9}]\n");

	ck_assert_ptr_null(parse(many, &why));
	ck_assert_str_eq(why.text,
	    "f:3:3: 32001 different backends; at most "
	    "32000 are possible");
	free(many);
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
	struct errmsg why = {""};

	ck_assert_ptr_null(conf_load("/nonexistent/guideway.yaml", &why));
	ck_assert_str_eq(why.text,
	    "/nonexistent/guideway.yaml: No such file or "
	    "directory");
	ck_assert_ptr_null(conf_load("/", &why));
	ck_assert_str_eq(why.text, "/: Is a directory");
	ck_assert_ptr_null(conf_load("/dev/null", &why));
	ck_assert_str_eq(why.text, "/dev/null:1:1: nothing is configured");
	ck_assert_ptr_null(conf_load("/dev/zero", &why));
	ck_assert_str_eq(why.text,
	    "/dev/zero: 8388609 bytes; at most 8388608 "
	    "are read");
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(intent_name(INTENT_ENABLED), "enabled");
	ck_assert_str_eq(intent_name(INTENT_DRAINING), "draining");
	ck_assert_str_eq(intent_name(INTENT_DISABLED), "disabled");
	ck_assert_str_eq(conf_driver_name(CONF_DRIVER_AUTO), "auto");
	ck_assert_str_eq(conf_driver_name(CONF_DRIVER_PCAP), "pcap");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("conf");
	TCase *tc = tcase_create("conf");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, bad, 0, ROWS(bad_rows));
	tcase_add_loop_test(tc, good, 0, ROWS(good_rows));
	tcase_add_test(tc, defaults_of_the_machine);
	tcase_add_test(tc, cut_at_every_byte);
	tcase_add_test(tc, sample_is_valid);
	tcase_add_loop_test(tc, at_the_limit_and_over, 0, ROWS(count_rows));
	tcase_add_test(tc, different_backends_in_all);
	tcase_add_test(tc, files_that_cannot_be_read);
	tcase_add_test(tc, names);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
