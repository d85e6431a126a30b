/* A sheet as a person or a program wants it: a table, JSON, JSON lines, or names only. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <stdbool.h>

#include "core/bytes.h"

enum show_form { SHOW_TABLE, SHOW_WIDE, SHOW_JSON, SHOW_JSONL, SHOW_NAME };

/* Takes `-o FORM` or `--output FORM` out of argv; 0, or the exit code after the sentence. */
int show_flag(int *argc, char **argv, enum show_form *form);
/* Prints the packed sheet on stdout; the exit code. `upright`: one row as a list of `name  value` lines for people. */
int show_sheet(struct bytes packed, enum show_form form, bool upright);
/* The same of a sheet whose first `lead` columns are equal in every row: for people they stand above the table, once. */
int show_parts(struct bytes packed, enum show_form form, uint32_t lead);

#endif
