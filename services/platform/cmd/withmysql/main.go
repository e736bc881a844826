// Command withmysql runs a command with a MySQL server for its tests:
//
//	withmysql -- go test ./...
//
// If MYSQL_TEST_DSN is set, that server is used. Otherwise a private one is started in a temporary
// directory, on a free port of the loopback interface, and thrown away afterwards. If no server is
// installed, root on a Debian-like system gets MariaDB by apt-get.
//
// The exit code is that of the command, or 2 if there is no server to be had.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"aftercare.dev/services/platform/database/mysqlserver"
)

const (
	variable    = "MYSQL_TEST_DSN"
	exitNothing = 2
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "withmysql: name a command to run, such as: withmysql -- go test ./...")
		return exitNothing
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if os.Getenv(variable) != "" {
		return command(ctx, args, nil)
	}
	started, err := start(ctx)
	if err != nil {
		fmt.Fprintf(os.Stderr, "withmysql: %v\n", err)
		return exitNothing
	}
	defer func() {
		if err := started.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "withmysql: stop the server: %v\n", err)
		}
	}()
	return command(ctx, args, []string{variable + "=" + started.DSN()})
}

// start gives a server that answers, or says in one sentence why there is none.
func start(ctx context.Context) (*mysqlserver.Server, error) {
	// A Ctrl-C at the terminal is for the command; the server goes when the command has ended.
	options := mysqlserver.Options{Attributes: ownGroup()}
	started, err := mysqlserver.Start(ctx, options)
	if !errors.Is(err, mysqlserver.ErrNotInstalled) {
		return started, err
	}
	fmt.Fprintln(os.Stderr, "withmysql: installing mariadb-server")
	if err := mysqlserver.Install(ctx); err != nil {
		return nil, fmt.Errorf("%w, or set %s to user:password@tcp(host:3306)/ of one", err, variable)
	}
	return mysqlserver.Start(ctx, options)
}

// command runs the command to its end. It gets the signals that come from the terminal by itself; one
// that was sent to this process alone is passed on as SIGTERM.
func command(ctx context.Context, args, environ []string) int {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the command is what we are asked to run
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), environ...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second

	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return exit.ExitCode()
	case ctx.Err() != nil:
		return 128 + int(syscall.SIGTERM)
	}
	fmt.Fprintf(os.Stderr, "withmysql: %v\n", err)
	return exitNothing
}
