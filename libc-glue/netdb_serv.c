/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

/*
 * Names of services and protocols: the few that programs ask for, without a file.
 */

#include <string.h>

#include "libc-glue/netdb.h"

#define TCP 1
#define UDP 2

static const struct {
	const char *name;
	uint16_t port;
	uint8_t protos;
} services[] = {
	{ "echo", 7, TCP | UDP }, { "discard", 9, TCP | UDP }, { "daytime", 13, TCP | UDP }, { "ftp", 21, TCP }, { "ssh", 22, TCP },
	{ "telnet", 23, TCP }, { "smtp", 25, TCP }, { "time", 37, TCP | UDP }, { "domain", 53, TCP | UDP }, { "tftp", 69, UDP },
	{ "http", 80, TCP }, { "pop3", 110, TCP }, { "ntp", 123, UDP }, { "imap2", 143, TCP }, { "imap", 143, TCP }, { "snmp", 161, UDP },
	{ "https", 443, TCP | UDP }, { "syslog", 514, UDP }, { "submission", 587, TCP }, { "imaps", 993, TCP }, { "pop3s", 995, TCP },
	{ "mysql", 3306, TCP }, { "postgresql", 5432, TCP }, { "redis", 6379, TCP }, { "http-alt", 8080, TCP },
};

#define COUNT (sizeof services / sizeof services[0])

static unsigned bits_of(int proto)
{
	return proto == IPPROTO_TCP ? TCP : proto == IPPROTO_UDP ? UDP : TCP | UDP;
}

int netdb_port(const char *service, int proto, bool numeric)
{
	char *end;
	unsigned long n = strtoul(service, &end, 10);

	if (end != service && *end == '\0' && service[0] != '-')
		return n <= 65535 ? (int)n : -1;
	for (size_t i = 0; i < COUNT && !numeric; i++)
		if (strcmp(services[i].name, service) == 0 && (services[i].protos & bits_of(proto)))
			return services[i].port;
	return -1;
}

const char *netdb_service(int port, bool datagram)
{
	for (size_t i = 0; i < COUNT; i++)
		if (services[i].port == port && (services[i].protos & (datagram ? UDP : TCP)))
			return services[i].name;
	return NULL;
}
