/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which files are read, in which order, and what stands where in them. */

#include "settings/config-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings/folder.h"
#include "test.h"

static void check_files(const char *main_file, const char *names) {
        _cleanup_(config_files_done) ConfigFiles files = {};
        Problem problem = PROBLEM_NONE;
        char found[500] = "";

        if (config_files_read(folder_path(main_file), &files, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK_STRING(problem.text, "");
        for (size_t i = 0; i < files.n_files; i++) {
                strcat(found, i > 0 ? " " : "");
                strcat(found, files.files[i]->path + strlen(folder_path("")));
        }
        CHECK_STRING(found, names);
}

/* The sentence begins with the path below the folder. */
static void check_refusal(const char *main_file, int error, const char *sentence) {
        ConfigFiles files = {};
        Problem problem = PROBLEM_NONE;

        CHECK_EQUAL(config_files_read(folder_path(main_file), &files, &problem), error);
        CHECK(files.n_files == 0);
        CHECK(strncmp(problem.text, folder_path(""), strlen(folder_path(""))) == 0);
        CHECK_STRING(problem.text + strlen(folder_path("")), sentence);
}

static void test_missing_files_are_none(void) {
        check_files("missing.conf", "");
        folder_write("alone.conf", "");
        check_files("alone.conf", "alone.conf");
        folder_write("lonely.conf.d/x.conf", "");
        check_files("lonely.conf", "lonely.conf.d/x.conf");
}

static void test_order_of_drop_ins(void) {
        folder_write("a.conf", "");
        folder_write("a.conf.d/20-b.conf", "");
        folder_write("a.conf.d/10-c.conf", "");
        folder_write("a.conf.d/9-a.conf", "");
        folder_write("a.conf.d/Z.conf", "");
        folder_write("a.conf.d/a.conf", "");
        check_files("a.conf", "a.conf a.conf.d/10-c.conf a.conf.d/20-b.conf a.conf.d/9-a.conf a.conf.d/Z.conf "
                              "a.conf.d/a.conf");
}

static void test_what_is_no_drop_in(void) {
        folder_write("n.conf", "");
        folder_write("n.conf.d/.hidden.conf", "this is not read");
        folder_write("n.conf.d/.conf", "this is not read");
        folder_write("n.conf.d/x.conf~", "this is not read");
        folder_write("n.conf.d/x.conf.dpkg-new", "this is not read");
        folder_write("n.conf.d/README", "this is not read");
        check_files("n.conf", "n.conf");
}

static void test_special_files(void) {
        char expected[1000];

        CHECK(mkdir(folder_path("dir.conf"), 0700) == 0);
        check_refusal("dir.conf", -ENOTSUP, "dir.conf: This is not a regular file. Replace it with one, or remove it.");

        /* nobody writes to it: a reader that waits for one would never come back */
        CHECK(mkfifo(folder_path("fifo.conf"), 0600) == 0);
        check_refusal("fifo.conf", -ENOTSUP,
                      "fifo.conf: This is not a regular file. Replace it with one, or remove it.");

        folder_write("f.conf.d/a.conf", "");
        CHECK(mkfifo(folder_path("f.conf.d/b.conf"), 0600) == 0);
        check_refusal("f.conf", -ENOTSUP,
                      "f.conf.d/b.conf: This is not a regular file. Replace it with one, or remove it.");

        CHECK(symlink("/dev/zero", folder_path("zero.conf")) == 0);
        check_refusal("zero.conf", -ENOTSUP,
                      "zero.conf: This is not a regular file. Replace it with one, or remove it.");

        CHECK(symlink("nowhere", folder_path("dangling.conf")) == 0);
        check_refusal("dangling.conf", -ENOENT,
                      "dangling.conf: This is a link to a file that is not there. Mend or remove it.");

        CHECK(symlink("loop.conf", folder_path("loop.conf")) == 0);
        check_refusal("loop.conf", -ELOOP,
                      "loop.conf: Cannot be read: Too many levels of symbolic links. Mend or remove it.");

        folder_write("g.conf.d", "a file");
        (void) snprintf(expected, sizeof expected,
                        "g.conf.d: The folder of drop-ins cannot be read: Not a directory. Mend its permissions, or "
                        "remove it.");
        check_refusal("g.conf", -ENOTDIR, expected);
}

static void test_unreadable(void) {
        char expected[1000];
        uid_t user = geteuid();

        folder_write("secret.conf", "");
        CHECK(chmod(folder_path("secret.conf"), 0) == 0);
        (void) snprintf(expected, sizeof expected,
                        "secret.conf: Cannot be read: Permission denied. Make it readable: chmod a+r %s",
                        folder_path("secret.conf"));
        if (user == 0) { /* root reads all */
                CHECK(chmod(folder_path(""), 0755) == 0);
                CHECK(seteuid(65534) == 0);
        }
        check_refusal("secret.conf", -EACCES, expected);
        CHECK(seteuid(user) == 0);
}

static void test_too_large(void) {
        folder_write("large.conf", "");
        CHECK(truncate(folder_path("large.conf"), CONFIG_FILE_SIZE_MAX + 1) == 0);
        check_refusal("large.conf", -EFBIG, "large.conf: The file is larger than 1 MiB. Make it smaller.");
}

static void test_too_many_drop_ins(void) {
        for (int i = 0; i <= CONFIG_FILE_DROPINS_MAX; i++) {
                char name[50];

                (void) snprintf(name, sizeof name, "many.conf.d/%03d.conf", i);
                folder_write(name, "");
        }
        check_refusal("many.conf", -E2BIG,
                      "many.conf.d: There are 257 drop-ins, but at most 256 are read. Merge some.");
}

static void test_errors_of_libconfig_name_the_line(void) {
        static const char *const cases[][2] = {
                { "a = 1;\na = 2;",
                  "FILE:2: A name that was set before in this file is set again. Remove one of the two." },
                { "a = {\n b = 1;\n b = 2;\n};",
                  "FILE:3: A name that was set before in this file is set again. Remove one of the two." },
                { "a = [ 1,\n \"x\" ];",
                  "FILE:2: All values between [ and ] must be of one kind. Put strings in quotes, or use ( and )." },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Problem problem = PROBLEM_NONE;
                ConfigFile *file = NULL;

                CHECK(config_file_parse("FILE", cases[i][0], strlen(cases[i][0]), &file, &problem) == -EINVAL);
                CHECK(file == NULL);
                CHECK_STRING(problem.text, cases[i][1]);
        }
}

static void test_ends_of_text(void) {
        static const char *const texts[] = { "", "\n", "#", "a = 1; # one", "a = 1 // one", "a = 1; /**/", "a = 1" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(config_file_freep) ConfigFile *file = NULL;

                CHECK(config_file_parse("FILE", texts[i], strlen(texts[i]), &file, NULL) == 0);
        }
}

static void test_lines(void) {
        static const char text[] =
                        "\na =\n 1;\nb = ( \"x\",\n\n \"y\" // here\n\n\n);\nc = (\n { d = 1; },\n {\n d = 2; } );\n";
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        const config_setting_t *b, *c;

        CHECK(config_file_parse("FILE", text, strlen(text), &file, NULL) == 0);
        CHECK_EQUAL(config_file_line(config_lookup(&file->config, "a")), 2);
        b = config_lookup(&file->config, "b");
        CHECK_EQUAL(config_file_line(config_setting_get_elem(b, 0)), 4);
        CHECK_EQUAL(config_file_line(config_setting_get_elem(b, 1)), 6);
        c = config_lookup(&file->config, "c");
        CHECK_EQUAL(config_file_line(c), 10);
        CHECK_EQUAL(config_file_line(config_setting_get_elem(c, 0)), 11);
        CHECK_EQUAL(config_file_line(config_setting_get_elem(c, 1)), 12);
        CHECK_EQUAL(config_file_line(config_setting_get_elem(config_setting_get_elem(c, 1), 0)), 13);
}

int main(void) {
        RUN(test_missing_files_are_none);
        RUN(test_order_of_drop_ins);
        RUN(test_what_is_no_drop_in);
        RUN(test_special_files);
        RUN(test_unreadable);
        RUN(test_too_large);
        RUN(test_too_many_drop_ins);
        RUN(test_errors_of_libconfig_name_the_line);
        RUN(test_ends_of_text);
        RUN(test_lines);
        return tests_end();
}
