/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One key of one small file. */

#include "scout/limits-error.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/utf8.h"

int limits_error_read(const char *path, char *ret_error, size_t size) {
        _cleanup_free_ char *text = NULL;
        json_auto_t *object = NULL;
        const char *error;
        size_t text_size;
        int r;

        ret_error[0] = '\0';
        r = file_read_whole(AT_FDCWD, path, LIMITS_STATE_SIZE_MAX, &text, &text_size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        object = json_loadb(text, text_size, 0, NULL);
        error = json_string_value(json_object_get(object, "error"));
        if (!error)
                return -EBADMSG;
        utf8_copy_plain(ret_error, size, error);
        return 0;
}
