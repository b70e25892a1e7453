/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <virtrk/units.h>

int main(void)
{
	return 0;
}
