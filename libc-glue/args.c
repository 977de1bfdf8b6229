/* SPDX-License-Identifier: MIT */
#include "libc-glue/args.h"

/*
 * argv and the environment from the command line: `[ip=dhcp pith.log=info NAME=value ...] [--]
 * [words]`.
 *
 * core/option.c takes the words apart as a shell does. Before `--` a word is ours (key=value with a
 * key of pith), goes into the environment (NAME=value, the name in capitals) or, in a line without
 * `--`, is an argument. After `--` every word is an argument as it stands. Words of firmware and
 * VMMs that they add themselves at either end never reach the program.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"

/* The options of pith that do not begin with "pith."; a number behind is that of an interface. */
static const char *const keys[] = { "ip", "ip6", "gw", "mtu", "dns", "hostname" };
#define NUMBERED 4u /* so many of them may have one */

/* Length of the word up to its '=', 0 when there is none. */
static size_t key_length(const char *word)
{
	const char *end = strchr(word, '=');

	return end ? (size_t)(end - word) : 0;
}

static bool is_ours(const char *word)
{
	size_t i, len = key_length(word);

	for (i = 0; len && i < sizeof keys / sizeof *keys; i++) {
		size_t base = strlen(keys[i]);

		if (!strncmp(word, keys[i], base) && base + (i < NUMBERED ? strspn(word + base, "0123456789") : 0) == len)
			return true;
	}
	return len && !strncmp(word, "pith.", 5);
}

static bool is_environment(const char *word)
{
	size_t i, len = key_length(word);

	for (i = 0; i < len; i++)
		if (!(word[i] == '_' || (word[i] >= 'A' && word[i] <= 'Z') || (i && word[i] >= '0' && word[i] <= '9')))
			return false;
	return len > 0;
}

/*
 * What QEMU's microvm and Firecracker append for Linux, behind everything else: where the devices
 * are. The platform has read it.
 */
static bool is_firmware(const char *word)
{
	return !strncmp(word, "virtio_mmio.device=", 19);
}

/* Where `--` stands, n when it does not. */
static int separator(char **words, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (!strcmp(words[i], "--"))
			break;
	return i;
}

/* Takes a name given twice out of the environment: the last one counts. */
static void set_variable(char **env, int *n, char *word)
{
	size_t len = key_length(word) + 1;
	int i;

	for (i = 0; i < *n; i++)
		if (!strncmp(env[i], word, len))
			break;
	env[i] = word;
	if (i == *n)
		(*n)++;
}

/* An option that is mistyped would otherwise do nothing, silently. Those that there are: core/start.c. */
static void check_name(const char *word)
{
	if (!strncmp(word, "pith.", 5) && strncmp(word + 5, "log=", 4) && strncmp(word + 5, "stack=", 6) &&
	    strncmp(word + 5, "queues=", 7) && strncmp(word + 5, "hotplug=", 8))
		log_line(LOG_WARN, "args: %s: pith has no such option, ignored", word);
}

/* Sorts the words. argv grows in place: it never overtakes the word that is looked at. */
static void sort_words(char **words, int n, char **argv, int *argc, char **env)
{
	int i, vars = 0, end = separator(words, n);

	for (i = 0; i < n; i++) {
		if (i < end)
			check_name(words[i]);
		if (i == end || is_firmware(words[i]) || (i < end && is_ours(words[i])))
			continue;
		if (i < end && is_environment(words[i]))
			set_variable(env, &vars, words[i]);
		else if (i > end || end == n)
			argv[(*argc)++] = words[i];
		else
			log_line(LOG_WARN, "args: %s: not an option of pith, ignored; arguments stand behind --", words[i]);
	}
	argv[*argc] = NULL;
	env[vars] = NULL;
}

int args_split(char *line, int *argc, char ***argv, char ***env)
{
	static char name[] = "pith";
	size_t max = strlen(line) / 2 + 1; /* words are at least a letter and a blank long */
	char **v = malloc((3 * max + 3) * sizeof(char *));
	int n;

	if (!v)
		return -ERR_NOMEM;
	*argv = v;
	*env = v + max + 2;
	n = option_split(line, *env + max + 1, max);
	v[0] = name;
	*argc = 1;
	sort_words(*env + max + 1, n < 0 ? 0 : n, v, argc, *env);
	return n < 0 ? n : 0;
}
