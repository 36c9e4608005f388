/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text from a peer ends in logs and on terminals: only what cannot play tricks there is let in. */

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether `text` is valid UTF-8 and every character may stand in one line of text: no control characters
 * (C0, DEL, C1), no line or paragraph separators, none that change the direction of what follows.
 */
bool utf8_is_plain(const char *text, size_t size);

/*
 * Copies the string `text` into `ret` of `size` bytes so that utf8_is_plain() holds: each byte that does not
 * fit becomes '?', and what is too long is cut between two characters. Always ends with NUL.
 */
void utf8_copy_plain(char *ret, size_t size, const char *text);
