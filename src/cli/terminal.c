/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The screen of "virtrk top": the alternate screen without cursor, keys read one by one. Whatever ends the program -
 * q, an error, ^C, a signal, even a crash - the terminal gets back what it had; ^Z too gives it back while stopped.
 *
 * The handlers restore it themselves, with the two calls that are safe there (write, tcsetattr): the main flow may be
 * waiting for virtrkd at that moment. A handler is given nothing but a number; hence the one static variable.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "terminal.h"

#define ENTER "\033[?1049h\033[?25l"	/* alternate screen, cursor hidden */
#define LEAVE "\033[?25h\033[?1049l"

static struct {
	volatile sig_atomic_t entered;
	bool keys;		/* stdin is a terminal: saved is valid */
	struct termios saved;
} terminal;

static void screen_write(const char *sequence)
{
	ssize_t n = write(STDOUT_FILENO, sequence, strlen(sequence));

	(void)n;		/* a terminal that is gone needs no restoring */
}

static void screen_take(void)
{
	if (terminal.keys) {
		struct termios raw = terminal.saved;

		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);	/* ISIG stays: ^C and ^Z work as everywhere */
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	screen_write(ENTER);
	terminal.entered = 1;
}

static void screen_give(void)
{
	if (!terminal.entered)
		return;
	terminal.entered = 0;
	screen_write(LEAVE);
	if (terminal.keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal.saved);
}

/* SA_RESETHAND: the second time, the signal does what it always does, and the parent sees the truth. */
static void on_end(int signal_number)
{
	screen_give();
	(void)raise(signal_number);
}

/* Stops as SIGTSTP stops by default, not by SIGSTOP: where no shell could wake us up again, the kernel ignores it. */
static void on_stop(int signal_number)
{
	struct sigaction ours, normal = { .sa_handler = SIG_DFL };
	int saved = errno;
	sigset_t stop;

	screen_give();
	(void)sigaction(signal_number, &normal, &ours);
	(void)raise(signal_number);
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, signal_number);
	(void)sigprocmask(SIG_UNBLOCK, &stop, NULL);	/* here we are stopped; what follows happens after fg */
	(void)sigprocmask(SIG_BLOCK, &stop, NULL);
	(void)sigaction(signal_number, &ours, NULL);
	screen_take();
	errno = saved;
}

/* Only there to end the wait: the size is asked for at each drawing. */
static void on_resize(int signal_number)
{
	(void)signal_number;
}

static int handler_set(int signal_number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	return sigaction(signal_number, &action, NULL) < 0 ? -errno : 0;
}

int terminal_enter(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };

	terminal.keys = tcgetattr(STDIN_FILENO, &terminal.saved) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		int r = handler_set(ends[i], on_end, (int)SA_RESETHAND);

		if (r < 0)
			return r;
	}
	if (handler_set(SIGTSTP, on_stop, 0) < 0 || handler_set(SIGWINCH, on_resize, 0) < 0)
		return -errno;
	screen_take();
	return 0;
}

void terminal_leave(void)
{
	screen_give();
}

enum terminal_event terminal_wait(nsec_t timeout_ns)
{
	struct timespec timeout = { .tv_sec = (time_t)(timeout_ns / NSEC_PER_SEC), .tv_nsec = (long)(timeout_ns % NSEC_PER_SEC) };
	struct pollfd fd = { .fd = terminal.keys ? STDIN_FILENO : -1, .events = POLLIN };
	char key;
	ssize_t n;

	if (ppoll(&fd, 1, &timeout, NULL) <= 0)
		return TERMINAL_TIMEOUT;
	n = read(STDIN_FILENO, &key, 1);
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		return TERMINAL_QUIT;
	return n == 1 && (key == 'q' || key == 'Q' || key == 4) ? TERMINAL_QUIT : TERMINAL_TIMEOUT;
}

unsigned int terminal_rows(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 ? 24 : size.ws_row;
}
