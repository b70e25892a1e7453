/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The figure of an experiment, drawn by gnuplot: it reads a script from a pipe and writes SVG to its standard output, which is the
 * file. No shell sees anything, and no name from the spec is more than a label in quotes.
 *
 * Called by the verb, which has asked before the experiment whether gnuplot is there.
 */
#include <inttypes.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "experiment-show.h"
#include "text.h"

bool experiment_can_draw(void)
{
	const char *path = getenv("PATH");

	for (const char *dir = path ?: "/usr/bin:/bin"; *dir;) {
		size_t length = strcspn(dir, ":");
		char program[512];

		snprintf(program, sizeof(program), "%.*s/gnuplot", length < 480 ? (int)length : 480, length > 0 ? dir : ".");
		if (access(program, X_OK) == 0)
			return true;
		dir += length + (dir[length] == ':');
	}
	return false;
}

/* gnuplot's quotes: within single ones only these themselves mean anything, and are doubled. */
static int label_print(FILE *script, const char *before, const char *text, const char *after)
{
	_cleanup_(freep) char *clean = text_clean(text);

	if (!clean)
		return -ENOMEM;
	fprintf(script, "%s'", before);
	for (const char *c = clean; *c; c++)
		fprintf(script, "%s%c", *c == '\'' ? "'" : "", *c);
	fprintf(script, "'%s", after);
	return 0;
}

static void data_print(const struct experiment *e, const struct experiment_result *result, FILE *script)
{
	fputs("$data << END\n", script);
	for (size_t i = 0; i < result->n_points; i++) {
		char text[RATIO_TEXT_MAX], value[VRK_NSEC_STRLEN];

		if (experiment_parameters[e->parameter].kind == KIND_TIME)
			fputs(experiment_ratio(text, e->values[i], NSEC_PER_MSEC), script);
		else
			fputs(experiment_value_number(e, i, value), script);
		for (size_t k = 0; k < result->n_tests; k++)
			fprintf(script, " %s", experiment_cell(e, result, i, k, text));
		fputc('\n', script);
	}
	fputs("END\n", script);
}

static int script_print(const struct experiment *e, const struct experiment_result *result, FILE *script)
{
	bool bandwidth = false, ratio = false;
	int r;

	for (size_t k = 0; k < e->n_tests; k++) {
		bandwidth |= experiment_tests[e->tests[k]].bandwidth;
		ratio |= !experiment_tests[e->tests[k]].bandwidth;
	}
	data_print(e, result, script);
	fputs("set terminal svg size 800,500 dynamic noenhanced background rgb 'white'\n"
	      "set datafile missing '-'\nset grid\nset key outside right\nset yrange [0:*]\n", script);
	if (!bandwidth)
		fputs("set yrange [0:1.02]\n", script);
	fprintf(script, "set xlabel '%s%s'\nset ylabel '%s%s%s'\n", experiment_parameters[e->parameter].name,
		experiment_parameters[e->parameter].kind == KIND_TIME ? " (ms)" : "", ratio ? "ratio of systems accepted" : "",
		ratio && bandwidth ? ", " : "", bandwidth ? "mean bandwidth found (CPUs)" : "");
	r = label_print(script, "set title ", e->name, "\n");
	fputs("plot", script);
	for (size_t k = 0; r >= 0 && k < e->n_tests; k++)
		fprintf(script, "%s $data using 1:%zu with linespoints title '%s'", k > 0 ? "," : "", k + 2,
			experiment_tests[e->tests[k]].name);
	fputc('\n', script);
	return r;
}

/* In the child, where only what is safe after fork() may be done. */
static void gnuplot_become(int script, FILE *out)
{
	if (dup2(script, STDIN_FILENO) < 0 || dup2(fileno(out), STDOUT_FILENO) < 0)
		_exit(126);
	execlp("gnuplot", "gnuplot", "-", (char *)NULL);
	_exit(127);
}

struct figure {
	const struct experiment *e;
	const struct experiment_result *result;
};

static int script_send(const struct figure *figure, int fd)
{
	_cleanup_(fclosep) FILE *script = fdopen(fd, "w");
	int r;

	if (!script) {
		r = -errno;
		(void)close_fd(fd);
		return r;
	}
	r = script_print(figure->e, figure->result, script);
	return r < 0 ? r : fflush(script) != 0 ? -EIO : 0;
}

static int figure_write(FILE *out, void *userdata)
{
	int pipefd[2], status = 0, r;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		r = -errno;
		(void)close_fd(pipefd[0]);
		(void)close_fd(pipefd[1]);
		return r;
	}
	if (pid == 0)
		gnuplot_become(pipefd[0], out);
	(void)close_fd(pipefd[0]);
	r = script_send(userdata, pipefd[1]);	/* closes it: the end of the script */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	/* also when the pipe broke: it broke because gnuplot ended */
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? r : -EPROTO;
}

int experiment_figure(const struct experiment *e, const struct experiment_result *result, const char *path, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	struct figure figure = { e, result };
	int r = experiment_file(path, figure_write, &figure, &why);

	if (r == -EPROTO)
		return vr_error_set(reterr, r, VR_FAILED, "gnuplot could not draw %s", path);
	return r < 0 && why ? vr_error_set(reterr, r, why->reason, "%s", why->text ?: "out of memory") : r;
}
