/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Numbers for people. */

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/macro.h"

const char *text_grouped(uint64_t value, char buffer[static TEXT_SIZE]) {
        char digits[TEXT_SIZE], *out = buffer;
        int n = snprintf(digits, sizeof digits, "%" PRIu64, value);

        for (int i = 0; i < n; i++) {
                if (i > 0 && (n - i) % 3 == 0)
                        *out++ = ',';
                *out++ = digits[i];
        }
        *out = '\0';
        return buffer;
}

const char *text_metric(double value, char buffer[static TEXT_SIZE]) {
        static const char *const prefixes[] = { "", " k", " M", " G", " T", " P", " E" };
        size_t i = 0;

        /* 999.5 and more would be written "1000". */
        while (value >= 999.5 && i + 1 < ELEMENTSOF(prefixes)) {
                value /= 1000;
                i++;
        }
        (void) snprintf(buffer, TEXT_SIZE, "%.*f%s", i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value,
                        prefixes[i]);
        return buffer;
}

const char *text_bytes(uint64_t value, char buffer[static TEXT_SIZE]) {
        static const char units[] = "BKMGTPE";
        double scaled = (double) value;
        size_t i = 0;

        while (scaled >= 1023.95 && i + 2 < sizeof units) {
                scaled /= 1024;
                i++;
        }
        (void) snprintf(buffer, TEXT_SIZE, "%.*f%c", i == 0 ? 0 : 1, scaled, units[i]);
        return buffer;
}

const char *text_duration(usec_t span, char buffer[static TEXT_SIZE]) {
        uint64_t seconds = span / USEC_PER_SEC;

        if (span == USEC_INFINITY)
                (void) snprintf(buffer, TEXT_SIZE, "unknown");
        else if (seconds < 10)
                (void) snprintf(buffer, TEXT_SIZE, "%" PRIu64 ".%" PRIu64 " s", seconds,
                                span % USEC_PER_SEC / (USEC_PER_SEC / 10));
        else if (seconds < 60)
                (void) snprintf(buffer, TEXT_SIZE, "%" PRIu64 " s", seconds);
        else if (seconds < 3600)
                (void) snprintf(buffer, TEXT_SIZE, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
        else if (seconds < 86400)
                (void) snprintf(buffer, TEXT_SIZE, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
        else
                (void) snprintf(buffer, TEXT_SIZE, "%" PRIu64 " d %" PRIu64 " h", seconds / 86400,
                                seconds / 3600 % 24);
        return buffer;
}

const char *text_hex(const void *data, size_t size, char *ret) {
        static const char digits[] = "0123456789abcdef";
        const uint8_t *p = data;

        for (size_t i = 0; i < size; i++) {
                ret[2 * i] = digits[p[i] >> 4];
                ret[2 * i + 1] = digits[p[i] & 15];
        }
        ret[2 * size] = '\0';
        return ret;
}

const char *text_plural(uint64_t count) {
        return count == 1 ? "" : "s";
}
