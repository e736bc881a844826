package cluster

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"aftercare.dev/deploy/split"
	"aftercare.dev/services/platform/database/mysqlserver"
)

// servers are what an adopter has already: a server of the MySQL family and a Temporal, beside the cluster.
type servers struct {
	mysql    *mysqlserver.Server
	temporal *exec.Cmd
	// address is where the Temporal frontend is.
	address string
}

func (r *run) startServers(ctx context.Context) (err error) {
	r.servers = &servers{}
	if r.servers.mysql, err = mysqlserver.Start(ctx, mysqlserver.Options{Host: r.Host, Durable: true}); err != nil {
		return err
	}
	for _, service := range split.Services {
		if err := r.servers.mysql.CreateDatabase(ctx, service); err != nil {
			return err
		}
	}
	if r.servers.address, err = freeAddress(ctx, r.Host); err != nil {
		return err
	}
	ui, err := freeAddress(ctx, "127.0.0.1")
	if err != nil {
		return err
	}
	// Bare: the chart's own job prepares it.
	r.servers.temporal = exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(r.Dir, "bin", "aftercare"), //nolint:gosec // built for this
		"temporal", "--bare", "--dir", filepath.Join(r.Dir, "temporal"), "--listen", r.servers.address, "--ui", ui)
	log, err := os.Create(filepath.Join(r.Dir, "temporal.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	r.servers.temporal.Stdout, r.servers.temporal.Stderr = log, log
	if err := r.servers.temporal.Start(); err != nil {
		return err
	}
	r.say("Temporal at %s, its UI at http://%s, MySQL at %s", r.servers.address, ui, r.servers.mysql.Addr())
	return answers(ctx, r.servers.address)
}

// answers waits until the Temporal server does.
func answers(ctx context.Context, address string) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	c, err := client.NewLazyClient(client.Options{HostPort: address, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the Temporal server does not answer: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends the servers and removes their data.
func (s *servers) stop() error {
	if s == nil {
		return nil
	}
	var errs []error
	if s.temporal != nil && s.temporal.Process != nil {
		errs = append(errs, s.temporal.Process.Signal(syscall.SIGTERM))
		// It says by its exit code that it was asked to stop.
		_ = s.temporal.Wait()
	}
	if s.mysql != nil {
		errs = append(errs, s.mysql.Stop())
	}
	return errors.Join(errs...)
}

func freeAddress(ctx context.Context, host string) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("pods reach servers of this machine at %s, where nothing can listen: set CLUSTER_HOST: %w", host, err)
	}
	return listener.Addr().String(), listener.Close()
}

// secrets makes the Secrets of a house for trying out, and the one with its databases.
func (r *run) secrets(ctx context.Context) error {
	made, err := r.tool(ctx, nil, filepath.Join(r.Dir, "bin", "sandbox"), "secrets", "--format", "kubernetes",
		"--name", houseSecret, "--gateway", gatewayURL, "--sandbox", sandboxURL)
	if err != nil {
		return err
	}
	if _, err := r.tool(ctx, strings.NewReader(made), r.Kubectl, "apply", "--namespace", r.Namespace, "-f", "-"); err != nil {
		return err
	}
	data := map[string]string{}
	for _, service := range split.Services {
		data[strings.ToUpper(service)+"_DATABASE_DSN"] = r.servers.mysql.DSN() + service
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	return r.apply(ctx, secret(databaseSecret, data),
		secret(payloadSecret, map[string]string{"PAYLOAD_KEYS": "k1:" + base64.StdEncoding.EncodeToString(key)}))
}

func secret(name string, data map[string]string) object {
	return object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": name}, "stringData": data}
}
