// Package mysqlserver runs a private MySQL-family server: on a free port of the loopback interface, with its data in a
// folder of its own. Tests use it; a house in production has a server of its platform.
package mysqlserver

import (
	"cmp"
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

// Options are how the server is run. The zero value is for tests that end with it.
type Options struct {
	// Host is the address that it listens at; empty is 127.0.0.1, where nobody else can reach it.
	Host string
	// Durable keeps what was committed when the process is killed.
	Durable bool
	// Attributes are those of the process, such as its group.
	Attributes *syscall.SysProcAttr
}

// Server is a MySQL server that belongs to this process. It is not safe for concurrent use.
type Server struct {
	options   Options
	binary    string
	maria     bool
	directory string
	port      int
	process   *exec.Cmd
	// ended is closed when the process has; outcome may be read then.
	ended   chan struct{}
	outcome error
}

// ErrNotInstalled says that the machine has no server; [Install] may get one.
var ErrNotInstalled = errors.New("no MySQL or MariaDB server is installed: install mariadb-server")

// Start makes a server with empty data and returns when it answers.
func Start(ctx context.Context, options Options) (*Server, error) {
	binary, err := find("mariadbd", "mysqld")
	if err != nil {
		return nil, ErrNotInstalled
	}
	// The path of a unix socket may have about 100 characters, so the name is short.
	directory, err := os.MkdirTemp("", "mysql")
	if err != nil {
		return nil, err
	}
	options.Host = cmp.Or(options.Host, "127.0.0.1")
	s := &Server{options: options, binary: binary, directory: directory}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// create makes the data and starts the server on it for the first time.
func (s *Server) create(ctx context.Context) (err error) {
	if s.maria, err = isMariaDB(ctx, s.binary); err != nil {
		return err
	}
	if err := s.initialize(ctx); err != nil {
		return err
	}
	if s.port, err = freePort(ctx, s.options.Host); err != nil {
		return err
	}
	if err := s.Boot(ctx); err != nil {
		return err
	}
	return s.makeUser(ctx)
}

// DSN is where the server is, for a user who may do everything. It ends where the name of a database may follow.
func (s *Server) DSN() string { return fmt.Sprintf("test:test@tcp(%s)/", s.Addr()) }

// Addr is its host and port.
func (s *Server) Addr() string { return net.JoinHostPort(s.options.Host, strconv.Itoa(s.port)) }

// PID is the process of the server, or 0 when it does not run.
func (s *Server) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.Process.Pid
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

// Install gets MariaDB from a Debian-like distribution, without starting it as a service. Only root can.
func Install(ctx context.Context) error {
	aptGet, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return ErrNotInstalled
	}
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
			return fmt.Errorf("%w (apt-get %s failed: %s)", ErrNotInstalled, args[0], lastLine(string(output)))
		}
	}
	return nil
}

// Boot starts the server on the data that it has, at the address that it had, and returns when it answers.
func (s *Server) Boot(ctx context.Context) error {
	args := append(s.common(),
		"--socket="+s.socket(), "--pid-file="+filepath.Join(s.directory, "pid"),
		"--bind-address="+s.options.Host, "--port="+strconv.Itoa(s.port),
		"--skip-name-resolve", "--skip-log-bin", "--max-connections=500",
		"--character-set-server=utf8mb4",
		"--innodb-buffer-pool-size=128M", "--innodb-log-file-size=48M",
	)
	if s.options.Durable {
		// A commit is with the system when it is answered, which a kill does not undo. A power failure would.
		args = append(args, "--innodb-flush-log-at-trx-commit=2")
	} else {
		args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0")
	}
	if s.maria {
		args = append(args, "--skip-ssl")
	} else {
		args = append(args, "--mysqlx=0")
	}
	log, err := os.OpenFile(filepath.Join(s.directory, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// It is stopped in order and not killed with ctx.
	process := exec.CommandContext(context.WithoutCancel(ctx), s.binary, args...) //nolint:gosec // find names it
	process.Stdout, process.Stderr, process.SysProcAttr = log, log, s.options.Attributes
	if err := process.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.binary, err)
	}
	ended := make(chan struct{})
	s.process, s.ended = process, ended
	go func() {
		s.outcome = process.Wait()
		close(ended)
	}()
	return s.wait(ctx)
}

// Directory is where the server keeps its files, its logs of changes among them.
func (s *Server) Directory() string { return s.directory }

func (s *Server) data() string   { return filepath.Join(s.directory, "data") }
func (s *Server) socket() string { return filepath.Join(s.directory, "s.sock") }

// common are the arguments of both phases. No file of the machine's own server is read.
func (s *Server) common() []string {
	args := []string{"--no-defaults", "--datadir=" + s.data(), "--tmpdir=" + s.directory}
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

func (s *Server) initialize(ctx context.Context) error {
	if err := os.MkdirAll(s.data(), 0o700); err != nil {
		return err
	}
	name, args := s.binary, append(s.common(), "--initialize-insecure")
	if s.maria {
		var err error
		if name, err = find("mariadb-install-db", "mysql_install_db"); err != nil {
			return err
		}
		args = append(s.common(), "--auth-root-authentication-method=normal", "--skip-test-db")
	}
	output, err := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // find names it
	if err != nil {
		return fmt.Errorf("make a data directory: %w: %s", err, lastLine(string(output)))
	}
	return nil
}

// freePort finds a port that is free now. Another process might take it before the server does, which
// then fails to start and says so.
func freePort(ctx context.Context, host string) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

const bootTimeout = time.Minute

// root opens the server as its administrator, who on some servers may only come through the socket.
func (s *Server) root() (*sql.DB, error) {
	root := driversql.NewConfig()
	root.User, root.Net, root.Addr = "root", "unix", s.socket()
	root.Logger = &driversql.NopLogger{}
	return sql.Open("mysql", root.FormatDSN())
}

func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	pool, err := s.root()
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
	return nil
}

// makeUser makes the account that [Server.DSN] names.
func (s *Server) makeUser(ctx context.Context) error {
	pool, err := s.root()
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, statement := range []string{
		"CREATE USER 'test'@'%' IDENTIFIED BY 'test'",
		"GRANT ALL PRIVILEGES ON *.* TO 'test'@'%' WITH GRANT OPTION",
	} {
		if _, err := pool.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("make the user of the tests: %w", err)
		}
	}
	return nil
}

// CreateDatabase makes an empty database. Its name is no input of strangers.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	pool, err := s.root()
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.ExecContext(ctx, "CREATE DATABASE `"+name+"`"); err != nil {
		return fmt.Errorf("create the database %s: %w", name, err)
	}
	return nil
}

// Kill ends the process at once; [Server.Boot] starts it again.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	s.process = nil
	return nil
}

// Stop ends the server in order and removes its data.
func (s *Server) Stop() error {
	if s.process != nil {
		if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-s.ended:
			s.process = nil
		case <-time.After(20 * time.Second):
			if err := s.Kill(); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(s.directory)
}

func (s *Server) lastWords() string {
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
