package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	driversql "github.com/go-sql-driver/mysql"
)

// server is a MySQL server that belongs to this process.
type server struct {
	dsn       string
	directory string
	process   *exec.Cmd
	// ended is closed when the process has; outcome may be read then.
	ended   chan struct{}
	outcome error
}

// start gives a server that answers, or says in one sentence why there is none.
func start(ctx context.Context) (*server, error) {
	binary, err := find("mariadbd", "mysqld")
	if err != nil {
		if err := install(ctx); err != nil {
			return nil, err
		}
		if binary, err = find("mariadbd", "mysqld"); err != nil {
			return nil, err
		}
	}
	// The path of a unix socket may have about 100 characters, so the name is short.
	directory, err := os.MkdirTemp("", "mysql")
	if err != nil {
		return nil, err
	}
	s := &server{directory: directory, ended: make(chan struct{})}
	if err := s.boot(ctx, binary); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// find looks where servers live that are in no ordinary user's PATH, too.
func find(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
		for _, directory := range []string{"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/mysql/bin", "/opt/homebrew/bin"} {
			path := filepath.Join(directory, name)
			if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%s is not installed", strings.Join(names, " or "))
}

// install gets MariaDB from the distribution, without starting it as a service.
func install(ctx context.Context) error {
	advice := errors.New("no MySQL or MariaDB server is installed: install mariadb-server, or set " + variable + " to user:password@tcp(host:3306)/ of one")
	aptGet, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return advice
	}
	fmt.Fprintln(os.Stderr, "withmysql: installing mariadb-server")
	// A package starts its service only if this file lets it.
	const policy = "/usr/sbin/policy-rc.d"
	if _, err := os.Stat(policy); errors.Is(err, os.ErrNotExist) {
		if os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755) == nil { //nolint:gosec // it has to be executable
			defer os.Remove(policy)
		}
	}
	for _, args := range [][]string{
		{"update", "-qq"},
		{"install", "-y", "-qq", "--no-install-recommends", "mariadb-server"},
	} {
		cmd := exec.CommandContext(ctx, aptGet, args...) //nolint:gosec // the arguments are those above
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w (apt-get %s failed: %s)", advice, args[0], lastLine(string(output)))
		}
	}
	return nil
}

// boot makes a data directory, starts the server on it and waits until it answers.
func (s *server) boot(ctx context.Context, binary string) error {
	data := filepath.Join(s.directory, "data")
	maria, err := isMariaDB(ctx, binary)
	if err != nil {
		return err
	}
	if err := s.initialize(ctx, binary, data, maria); err != nil {
		return err
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}

	args := append(s.common(data),
		"--socket="+filepath.Join(s.directory, "s.sock"),
		"--pid-file="+filepath.Join(s.directory, "pid"),
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(port),
		"--skip-name-resolve", "--skip-log-bin", "--max-connections=500",
		"--character-set-server=utf8mb4",
		// The data is thrown away, so it need not survive a power failure.
		"--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0",
		"--innodb-buffer-pool-size=128M", "--innodb-log-file-size=48M",
	)
	if maria {
		args = append(args, "--skip-ssl")
	} else {
		args = append(args, "--mysqlx=0")
	}
	log, err := os.Create(filepath.Join(s.directory, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	// It is stopped in order, after the command, and not killed with ctx.
	s.process = exec.CommandContext(context.WithoutCancel(ctx), binary, args...) //nolint:gosec // find names it
	s.process.Stdout, s.process.Stderr = log, log
	// A Ctrl-C at the terminal is for the command; the server goes when the command has ended.
	s.process.SysProcAttr = ownGroup()
	if err := s.process.Start(); err != nil {
		s.process = nil
		return fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		s.outcome = s.process.Wait()
		close(s.ended)
	}()
	return s.wait(ctx, port)
}

// common are the arguments of both phases. No file of the machine's own server is read.
func (s *server) common(data string) []string {
	args := []string{"--no-defaults", "--datadir=" + data, "--tmpdir=" + s.directory}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	return args
}

func isMariaDB(ctx context.Context, binary string) (bool, error) {
	output, err := exec.CommandContext(ctx, binary, "--no-defaults", "--version").CombinedOutput()
	if err != nil {
		return false, fmt.Errorf("ask %s for its version: %w", binary, err)
	}
	return strings.Contains(string(output), "MariaDB"), nil
}

func (s *server) initialize(ctx context.Context, binary, data string, maria bool) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	name, args := binary, append(s.common(data), "--initialize-insecure")
	if maria {
		var err error
		if name, err = find("mariadb-install-db", "mysql_install_db"); err != nil {
			return err
		}
		args = append(s.common(data), "--auth-root-authentication-method=normal", "--skip-test-db")
	}
	output, err := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // find names it
	if err != nil {
		return fmt.Errorf("make a data directory: %w: %s", err, lastLine(string(output)))
	}
	return nil
}

// freePort finds a port that is free now. Another process might take it before the server does, which
// then fails to start and says so.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

const bootTimeout = time.Minute

// wait makes the user of the tests as soon as the server answers. Root without a password may only come
// through the socket on some servers, so the tests get an account of their own.
func (s *server) wait(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	root := driversql.NewConfig()
	root.User, root.Net, root.Addr = "root", "unix", filepath.Join(s.directory, "s.sock")
	root.Logger = &driversql.NopLogger{}
	pool, err := sql.Open("mysql", root.FormatDSN())
	if err != nil {
		return err
	}
	defer pool.Close()

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for pool.PingContext(ctx) != nil {
		select {
		case <-s.ended:
			s.process = nil
			return fmt.Errorf("the server ended at once (%w): %s", s.outcome, s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w: %s", ctx.Err(), s.lastWords())
		case <-tick.C:
		}
	}
	for _, statement := range []string{
		"CREATE USER 'test'@'%' IDENTIFIED BY 'test'",
		"GRANT ALL PRIVILEGES ON *.* TO 'test'@'%' WITH GRANT OPTION",
	} {
		if _, err := pool.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("make the user of the tests: %w", err)
		}
	}
	s.dsn = fmt.Sprintf("test:test@tcp(127.0.0.1:%d)/", port)
	return nil
}

// stop ends the server and removes its directory.
func (s *server) stop() error {
	if s.process != nil {
		if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-s.ended:
		case <-time.After(20 * time.Second):
			if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return err
			}
			<-s.ended
		}
		s.process = nil
	}
	return os.RemoveAll(s.directory)
}

func (s *server) lastWords() string {
	text, err := os.ReadFile(filepath.Join(s.directory, "log"))
	if err != nil {
		return err.Error()
	}
	return lastLine(string(text))
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
