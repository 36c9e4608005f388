/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How to add a fuzz target: write tests/fuzz/fuzz-NAME.c with this function, put at least one input into
 * tests/fuzz/corpus/NAME/, add a line to the table in tests/fuzz/meson.build.
 */

#include <stddef.h>
#include <stdint.h>

/* Must not crash, hang, leak, or keep state from call to call, whatever the input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
