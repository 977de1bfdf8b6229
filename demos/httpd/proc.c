/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * What the machine says of itself, in files under /proc.
 *
 * /proc/uptime, /proc/meminfo and /proc/net/dev have Linux's form; /proc/pith (key: value) and
 * /proc/boot (name, microseconds), /proc/net/lwip (name, number) exist on pith images only. Each
 * may be missing: the numbers then are 0. Names end up in a page and in JSON, so only harmless
 * characters pass. Read httpd.h first.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Reads a small file whole, as far as it fits. "" when it is not there.
 * Cut where the buffer ends: half a line at the end is then as good as none.
 */
void proc_text(const char *name, char *buf, size_t size)
{
	int fd = open(name, O_RDONLY);
	ssize_t n = 1;
	size_t len = 0;

	while (fd >= 0 && n > 0 && len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	buf[len] = 0;
}

/* Cuts the next line off. NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text, *end;

	if (!*line)
		return NULL;
	end = strchr(line, '\n');
	*text = end ? end + 1 : line + strlen(line);
	if (end)
		*end = 0;
	return line;
}

/* Copies a name, up to white space or its size. */
static void copy_name(char *to, size_t size, const char *from, size_t len)
{
	static const char harmless[] = " ._-+/()";
	size_t i;
	char c;

	for (i = 0; i < len && i + 1 < size && from[i]; i++) {
		c = from[i];
		if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !strchr(harmless, c))
			c = '?';
		to[i] = c;
	}
	to[i] = 0;
}

/* Lines `key: value`; keys that are not known are passed over, so that an image may say more. */
static void read_pith(struct proc *p, char *text)
{
	const struct {
		const char *key;
		char *to;
	} v[] = {
		{ "platform", p->platform }, { "machine", p->machine }, { "accelerator", p->accelerator },
		{ "clock", p->clock }, { "boot", p->boot },
	};
	char *line, *value;
	size_t i;

	while ((line = next_line(&text))) {
		value = strchr(line, ':');
		if (!value)
			continue;
		*value++ = 0;
		value += strspn(value, " \t");
		for (i = 0; i < sizeof v / sizeof *v; i++)
			if (!strcmp(line, v[i].key))
				/* All five have the same size. */
				copy_name(v[i].to, sizeof p->platform, value, strlen(value));
	}
}

/*
 * Each line says when a phase ended, counted from the first instruction: what a phase took is the
 * difference.
 */
static void read_boot(struct proc *p, char *text)
{
	uint64_t at, before = 0;
	struct proc_phase *phase;
	char *line, *value;

	while (p->phases < PROC_PHASES && (line = next_line(&text))) {
		value = strpbrk(line, " \t");
		if (!value)
			continue;
		at = strtoull(value, NULL, 10);
		phase = &p->phase[p->phases++];
		copy_name(phase->name, sizeof phase->name, line, (size_t)(value - line));
		phase->us = at > before ? at - before : 0;
		before = at > before ? at : before;
	}
}

/* "12.34" */
static uint64_t read_hundredths(const char *text)
{
	char *end;
	uint64_t n = 100 * strtoull(text, &end, 10);

	if (*end == '.' && end[1] >= '0' && end[1] <= '9' && end[2] >= '0' && end[2] <= '9')
		n += (uint64_t)(10 * (end[1] - '0') + end[2] - '0');
	return n;
}

/* Free, not available: on an image the two are the same, as nothing is cached. */
static void read_memory(struct proc *p, char *text)
{
	char *line;

	while ((line = next_line(&text))) {
		if (!strncmp(line, "MemTotal:", 9))
			p->memory_total = 1024 * strtoull(line + 9, NULL, 10);
		else if (!strncmp(line, "MemFree:", 8))
			p->memory_free = 1024 * strtoull(line + 8, NULL, 10);
	}
}

/*
 * "  eth0: rx_bytes packets errs drop fifo frame compressed multicast tx_bytes packets ..." after
 * two lines of headings.
 */
static void read_net(struct proc *p, char *text)
{
	uint64_t v[10];
	struct proc_net *net;
	char *line, *at;
	int i;

	while (p->nets < PROC_NETS && (line = next_line(&text))) {
		line += strspn(line, " \t");
		at = strchr(line, ':');
		if (!at)
			continue;
		net = &p->net[p->nets++];
		copy_name(net->name, sizeof net->name, line, (size_t)(at - line));
		at++;
		for (i = 0; i < 10; i++)
			v[i] = strtoull(at, &at, 10);
		net->rx_bytes = v[0];
		net->rx_packets = v[1];
		net->tx_bytes = v[8];
		net->tx_packets = v[9];
	}
}

/* Letters, digits and _, as metrics want them. */
static void make_name(char *name)
{
	for (; *name; name++) {
		if (*name >= 'A' && *name <= 'Z')
			*name |= 0x20;
		else if (!(*name >= 'a' && *name <= 'z') && !(*name >= '0' && *name <= '9'))
			*name = '_';
	}
}

/*
 * Lines that are anything else are passed over; the text may be cut in the middle of its last one.
 */
bool proc_next(char **text, const char **name, uint64_t *value)
{
	char *line, *number, *end;

	while ((line = next_line(text))) {
		number = strchr(line, ' ');
		if (!number || number == line)
			continue;
		*number++ = 0;
		*value = strtoull(number, &end, 10);
		if (end == number || *end)
			continue;
		make_name(line);
		*name = line;
		return true;
	}
	return false;
}

/* A file that no other system has. */
bool proc_is_image(void)
{
	return access("/proc/pith", R_OK) == 0;
}

/* One buffer for all of them, one after the other: what is wanted has been copied out by then. */
void proc_read(struct proc *p)
{
	static char text[4096];

	memset(p, 0, sizeof *p);
	proc_text("/proc/pith", text, sizeof text);
	read_pith(p, text);
	proc_text("/proc/boot", text, sizeof text);
	read_boot(p, text);
	proc_text("/proc/uptime", text, sizeof text);
	p->uptime = read_hundredths(text);
	proc_text("/proc/meminfo", text, sizeof text);
	read_memory(p, text);
	proc_text("/proc/net/dev", text, sizeof text);
	read_net(p, text);
	if (!*p->platform)
		strcpy(p->platform, "host process");
}
