/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libsmartcols in few words. */

#include "ctl/table.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct Table {
        struct libscols_table *scols;
        struct libscols_line *line; /* the last row */
        size_t next_cell;
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Table *, table_free);

/* smartcols takes names of colours or sequences: "\033[…m". */
static const char *scols_color(TerminalColor color) {
        return color == COLOR_NONE ? NULL : terminal_color(color);
}

Table *table_new(const TableColumn *columns, size_t n_columns, const TableStyle *style) {
        _cleanup_(table_freep) Table *table = NULL;

        table = malloc(sizeof *table);
        if (!table)
                return NULL;
        *table = (Table) { .scols = scols_new_table() };
        if (!table->scols)
                return NULL;
        for (size_t i = 0; i < n_columns; i++) {
                int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].cut ? SCOLS_FL_TRUNC : 0);
                struct libscols_column *column;

                column = scols_table_new_column(table->scols, columns[i].title, columns[i].cut ? 0.1 : 0, flags);
                if (!column)
                        return NULL;
        }
        (void) scols_table_enable_noheadings(table->scols, !style->legend);
        (void) scols_table_enable_colors(table->scols, terminal_has_colors());
        (void) scols_table_set_column_separator(table->scols, "  ");
        /* Without a width of its own it would ask standard output, which may be a pipe to the pager by now. */
        if (terminal_is_tty() && !style->full) {
                (void) scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_ALWAYS);
                (void) scols_table_set_termwidth(table->scols, terminal_columns());
        } else
                (void) scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
        return TAKE_PTR(table);
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;
        scols_unref_table(table->scols);
        free(table);
        return NULL;
}

int table_add_row(Table *table) {
        table->line = scols_table_new_line(table->scols, NULL);
        table->next_cell = 0;
        return table->line ? 0 : -ENOMEM;
}

int table_add_cell_colored(Table *table, const char *text, TerminalColor color) {
        size_t number = table->next_cell++;

        if (scols_line_set_data(table->line, number, text && text[0] ? text : "-") < 0)
                return -ENOMEM;
        if (color != COLOR_NONE && terminal_has_colors())
                return scols_cell_set_color(scols_line_get_cell(table->line, number), scols_color(color));
        return 0;
}

int table_add_cell(Table *table, const char *text) {
        return table_add_cell_colored(table, text, COLOR_NONE);
}

int table_print(Table *table) {
        char *text = NULL;
        int r;

        r = scols_print_table_to_string(table->scols, &text);
        if (r < 0)
                return r;
        /* Lines end in blanks where the last cell is short. */
        for (char *line = text, *end; line && *line; line = end) {
                size_t n;

                end = line + strcspn(line, "\n");
                for (n = (size_t) (end - line); n > 0 && line[n - 1] == ' ';)
                        n--;
                (void) printf("%.*s\n", (int) n, line);
                end += *end != '\0';
        }
        free(text);
        return ferror(stdout) ? -EIO : 0;
}

size_t table_rows(const Table *table) {
        return scols_table_get_nlines(table->scols);
}
