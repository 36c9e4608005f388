/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Tables for people, by libsmartcols: as wide as they need to be, on a terminal no wider than it is (cells of the
 * columns that may be cut are cut), with a heading. A cell is one word or sentence; what would steer a terminal is made
 * harmless.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/terminal.h"

typedef struct Table Table;

typedef struct TableColumn {
        const char *title;
        bool right; /* numbers */
        bool cut;   /* may be cut to fit */
} TableColumn;

typedef struct TableStyle {
        bool legend; /* the heading */
        bool full;   /* nothing is cut */
} TableStyle;

/* `columns` must outlive the table. NULL when out of memory. */
Table *table_new(const TableColumn *columns, size_t n_columns, const TableStyle *style);
Table *table_free(Table *table);

/* A new row. 0 or -ENOMEM. */
int table_add_row(Table *table);

/* The cells of the last row, from left to right; "" and NULL are shown as "-". 0 or -ENOMEM. */
int table_add_cell(Table *table, const char *text);
int table_add_cell_colored(Table *table, const char *text, TerminalColor color);

/* To standard output. 0 or negative errno. */
int table_print(Table *table);

size_t table_rows(const Table *table);
