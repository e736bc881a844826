#!/bin/bash
# Run by the MySQL image when its volume is empty: a database for each service, which compares text byte by byte, and two
# for Temporal. A password must have no quote and no backslash in it.
set -euo pipefail

statements() {
	local service database
	echo "CREATE USER aftercare@'%' IDENTIFIED BY '$AFTERCARE_PASSWORD';"
	for service in order logistics payment cases notification; do
		echo "CREATE DATABASE aftercare_$service CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;"
		echo "GRANT ALL ON aftercare_$service.* TO aftercare@'%';"
	done
	echo "CREATE USER temporal@'%' IDENTIFIED BY '$TEMPORAL_PASSWORD';"
	for database in temporal temporal_visibility; do
		echo "CREATE DATABASE $database CHARACTER SET utf8mb4;"
		echo "GRANT ALL ON $database.* TO temporal@'%';"
	done
}

statements | MYSQL_PWD="$MYSQL_ROOT_PASSWORD" mysql --user=root
