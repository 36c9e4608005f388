/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which version of the protocol two programs speak: the highest that both know. */

#include <stdint.h>

#include "wire/message.h"

/* The version to speak with the worker that sent this HELLO. -EPROTONOSUPPORT if there is none. */
int version_negotiate(const MessageHello *hello, uint16_t *ret);

/* Why there is none, and which side to update: the reason of BYE_VERSION. */
void version_explain(const MessageHello *hello, char ret[static WIRE_REASON_MAX + 1]);

/* For any two intervals of versions, both ends included. -EPROTONOSUPPORT if they have nothing in common. */
int version_pick(uint16_t a_min, uint16_t a_max, uint16_t b_min, uint16_t b_max, uint16_t *ret);
