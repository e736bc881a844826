package main

import (
	"database/sql"
	"errors"
	"os"
	"testing"
)

func TestTheExitCodeIsTheCommands(t *testing.T) {
	t.Setenv(variable, "somewhere")
	tests := map[string]struct {
		args []string
		want int
	}{
		"success":                       {[]string{"--", "true"}, 0},
		"failure":                       {[]string{"--", "sh", "-c", "exit 7"}, 7},
		"without dashes":                {[]string{"sh", "-c", "exit 7"}, 7},
		"a signal":                      {[]string{"sh", "-c", "kill -9 $$"}, 137},
		"the server is passed on":       {[]string{"sh", "-c", `test "$MYSQL_TEST_DSN" = somewhere`}, 0},
		"a command that does not exist": {[]string{"no-such-command"}, 2},
		"no command":                    {[]string{"--"}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := run(test.args); got != test.want {
				t.Errorf("exit code %d, want %d", got, test.want)
			}
		})
	}
}

func TestACommandIsAskedToEndWhenWeAre(t *testing.T) {
	t.Setenv(variable, "somewhere")
	if got := run([]string{"sh", "-c", "kill -TERM $PPID; exec sleep 60"}); got != 143 {
		t.Errorf("exit code %d, want 143", got)
	}
}

func TestAServerIsThereForAsLongAsItIsNeeded(t *testing.T) {
	if _, err := find("mariadbd", "mysqld"); err != nil {
		t.Skip("no server is installed, and a test installs none.")
	}
	s, err := start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE anything"); err != nil {
		t.Error(err)
	}
	if err := errors.Join(db.Close(), s.stop()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data is still there: %v", err)
	}
}
