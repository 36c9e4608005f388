/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The pager, as systemd's tools have it: only when standard output is a terminal; SYSTEMD_PAGER, else PAGER, else
 * less, more or cat; with SYSTEMD_LESS, else "FRSXMK", as less's options. An empty name or "cat" means none. Behind
 * sudo or pkexec it is less in its secure mode, which starts no other programs; SYSTEMD_PAGERSECURE overrides that.
 */

/* Everything that is written to standard output from now on goes through the pager, if there is one. */
void pager_open(void);

/* Waits until the person has read it. Does nothing without pager_open(). */
void pager_close(void);
