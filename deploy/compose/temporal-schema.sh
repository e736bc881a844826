#!/bin/sh
# Temporal's own schema, brought up to date; it can run any number of times. Where and who are in the variables SQL_….
set -eu

for database in temporal:temporal temporal_visibility:visibility; do
	name=${database%%:*} kind=${database##*:}
	temporal-sql-tool --database "$name" setup-schema --version 0.0
	temporal-sql-tool --database "$name" update-schema --schema-dir "/etc/temporal/schema/mysql/v8/$kind/versioned"
done
