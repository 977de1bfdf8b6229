/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * The numbers, as JSON for the page and as metrics for Prometheus (text format 0.0.4).
 *
 * Names of metrics are part of what others build on: add, do not rename. Read httpd.h first.
 */

typedef unsigned long long ull; /* for %llu */

/* Of the server, which on an image is a little less than of the machine. */
static ull up_ms(void)
{
	return (ull)(server_ms - server_began);
}

/* ---- JSON ---- */

/*
 * Strings need no escapes: copy_name() in proc.c lets neither quotes nor backslashes nor controls
 * pass.
 */
static struct blob *json_machine(struct blob *b, const struct proc *p)
{
	unsigned i;

	b = blob_add(b, "\"platform\":\"%s\",\"machine\":\"%s\",\"accelerator\":\"%s\",", p->platform, p->machine, p->accelerator);
	b = blob_add(b, "\"clock\":\"%s\",\"entry\":\"%s\",\"boot\":[", p->clock, p->boot);
	for (i = 0; i < p->phases; i++)
		b = blob_add(b, "%s{\"name\":\"%s\",\"us\":%llu}", i ? "," : "", p->phase[i].name, (ull)p->phase[i].us);
	return blob_add(b, "],\"memory\":{\"total\":%llu,\"free\":%llu},", (ull)p->memory_total, (ull)p->memory_free);
}

static struct blob *json_http(struct blob *b)
{
	const struct counters *n = &server_counters;
	int i;

	b = blob_add(b, "\"requests\":%llu,\"responses\":{", (ull)n->requests);
	for (i = 1; i < 6; i++)
		b = blob_add(b, "%s\"%dxx\":%llu", i > 1 ? "," : "", i, (ull)n->responses[i]);
	b = blob_add(b, "},\"connections\":{\"open\":%u,\"limit\":%u,\"accepted\":%llu,\"refused\":%llu,\"timeouts\":%llu},",
		     n->open, config.max_conns, (ull)n->accepted, (ull)n->refused, (ull)n->timeouts);
	return blob_add(b, "\"bytes\":{\"in\":%llu,\"out\":%llu},", (ull)n->bytes_in, (ull)n->bytes_out);
}

static struct blob *json_net(struct blob *b, const struct proc *p)
{
	const struct proc_net *n;
	unsigned i;

	b = blob_add(b, "\"net\":[");
	for (i = 0; i < p->nets; i++) {
		n = &p->net[i];
		b = blob_add(b, "%s{\"name\":\"%s\",\"rx_bytes\":%llu,\"rx_packets\":%llu,", i ? "," : "", n->name,
			     (ull)n->rx_bytes, (ull)n->rx_packets);
		b = blob_add(b, "\"tx_bytes\":%llu,\"tx_packets\":%llu}", (ull)n->tx_bytes, (ull)n->tx_packets);
	}
	return blob_add(b, "]");
}

/*
 * Read anew each time: a page that asks once a second costs five small files, which on an image are
 * made in memory.
 */
struct blob *status_json(void)
{
	struct proc p;
	struct blob *b = blob_new(2048);

	proc_read(&p);
	b = blob_add(b, "{\"server\":\"pith httpd\",\"uptime\":%llu.%03llu,\"machine_uptime\":%llu.%02llu,",
		     up_ms() / 1000, up_ms() % 1000, (ull)p.uptime / 100, (ull)p.uptime % 100);
	b = json_machine(b, &p);
	b = json_http(b);
	b = json_net(b, &p);
	return blob_add(b, "}\n");
}

/* ---- metrics ---- */

/* Each family has its HELP and TYPE once, in front of all of its samples. */
static struct blob *about(struct blob *b, const char *name, const char *type, const char *help)
{
	return blob_add(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static struct blob *number(struct blob *b, const char *name, const char *type, const char *help, uint64_t value)
{
	return blob_add(about(b, name, type, help), "%s %llu\n", name, (ull)value);
}

/*
 * Counters end in _total and only grow; a restart sets them to 0, which rate() knows how to take.
 */
static struct blob *metrics_http(struct blob *b)
{
	const struct counters *n = &server_counters;
	int i;

	b = number(b, "pith_http_requests_total", "counter", "Requests received, malformed ones too.", n->requests);
	b = about(b, "pith_http_responses_total", "counter", "Responses by first digit of their status.");
	for (i = 2; i < 6; i++)
		b = blob_add(b, "pith_http_responses_total{code=\"%dxx\"} %llu\n", i, (ull)n->responses[i]);
	b = number(b, "pith_http_connections", "gauge", "Connections that are open now.", n->open);
	b = number(b, "pith_http_connections_limit", "gauge", "The most connections that may be open.", config.max_conns);
	b = number(b, "pith_http_connections_total", "counter", "Connections accepted.", n->accepted);
	b = number(b, "pith_http_connections_refused_total", "counter", "Connections answered with 503 at the limit.",
		   n->refused);
	b = number(b, "pith_http_timeouts_total", "counter", "Connections that ran into a timeout.", n->timeouts);
	b = number(b, "pith_http_received_bytes_total", "counter", "Bytes of requests.", n->bytes_in);
	return number(b, "pith_http_sent_bytes_total", "counter", "Bytes of responses.", n->bytes_out);
}

static struct blob *metrics_machine(struct blob *b, const struct proc *p)
{
	unsigned i;

	b = about(b, "pith_info", "gauge", "What this runs on; always 1.");
	b = blob_add(b, "pith_info{platform=\"%s\",machine=\"%s\",accelerator=\"%s\",", p->platform, p->machine, p->accelerator);
	b = blob_add(b, "clock=\"%s\",boot=\"%s\"} 1\n", p->clock, p->boot);
	if (p->phases)
		b = about(b, "pith_boot_phase_seconds", "gauge", "What each phase of boot took.");
	for (i = 0; i < p->phases; i++)
		b = blob_add(b, "pith_boot_phase_seconds{phase=\"%u_%s\"} %llu.%06llu\n", i, p->phase[i].name,
			     (ull)p->phase[i].us / 1000000, (ull)p->phase[i].us % 1000000);
	if (!p->memory_total)
		return b;
	b = number(b, "pith_memory_total_bytes", "gauge", "Memory of the machine.", p->memory_total);
	return number(b, "pith_memory_free_bytes", "gauge", "Memory that nobody uses.", p->memory_free);
}

/* One family of one sample for each interface: the samples of a family must stand together. */
static struct blob *metrics_net(struct blob *b, const struct proc *p)
{
	static const char *const name[4][2] = {
		{ "pith_network_receive_bytes_total", "Bytes received." },
		{ "pith_network_receive_packets_total", "Packets received." },
		{ "pith_network_transmit_bytes_total", "Bytes sent." },
		{ "pith_network_transmit_packets_total", "Packets sent." },
	};
	unsigned i, k;

	for (k = 0; k < 4 && p->nets; k++) {
		b = about(b, name[k][0], "counter", name[k][1]);
		for (i = 0; i < p->nets; i++) {
			const struct proc_net *n = &p->net[i];
			const uint64_t v[4] = { n->rx_bytes, n->rx_packets, n->tx_bytes, n->tx_packets };

			b = blob_add(b, "%s{device=\"%s\"} %llu\n", name[k][0], n->name, (ull)v[k]);
		}
	}
	return b;
}

/*
 * Counters of an image's network stack, whatever there are. Some only grow, but the file does not
 * say which: all are gauges.
 */
static struct blob *metrics_stack(struct blob *b)
{
	static char text[8192];
	char *rest = text;
	const char *name;
	uint64_t value;

	proc_text("/proc/net/lwip", text, sizeof text);
	while (proc_next(&rest, &name, &value)) {
		b = blob_add(b, "# HELP pith_lwip_%s See /proc/net/lwip.\n# TYPE pith_lwip_%s gauge\n", name, name);
		b = blob_add(b, "pith_lwip_%s %llu\n", name, (ull)value);
	}
	return b;
}

struct blob *status_metrics(void)
{
	struct blob *b = blob_new(4096);
	time_t now = time(NULL);
	struct proc p;

	proc_read(&p);
	b = metrics_http(b);
	b = metrics_machine(b, &p);
	b = metrics_net(b, &p);
	b = metrics_stack(b);
	/* A machine without a calendar says nothing, as in the Date field. */
	if (now > 1000000000)
		b = number(b, "process_start_time_seconds", "gauge", "When the server started, in Unix time.",
			   (uint64_t)now - up_ms() / 1000);
	b = about(b, "process_uptime_seconds", "gauge", "For how long the server has been running.");
	return blob_add(b, "process_uptime_seconds %llu.%03llu\n", up_ms() / 1000, up_ms() % 1000);
}
