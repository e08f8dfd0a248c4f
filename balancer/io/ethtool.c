/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or -1 with errno. */
static int
ask(const char *interface, void *command)
{
	struct ifreq ifr = {.ifr_data = command};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r, error;

	if (fd == -1)
		return -1;
	strncpy(ifr.ifr_name, interface, sizeof(ifr.ifr_name) - 1);
	r = ioctl(fd, SIOCETHTOOL, &ifr);
	error = errno;
	close(fd);
	errno = error;
	return r;
}

bool
ethtool_is_veth(const char *interface)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	return ask(interface, &info) == 0 && strcmp(info.driver, "veth") == 0;
}

int
ethtool_gro_off(const char *interface)
{
	struct ethtool_value gro = {.cmd = ETHTOOL_GGRO};

	if (ask(interface, &gro) == -1 || gro.data == 0)
		return 0;
	gro = (struct ethtool_value){.cmd = ETHTOOL_SGRO, .data = 0};
	return ask(interface, &gro) == 0 ? 1 : -1;
}
