package main

import "testing"

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
