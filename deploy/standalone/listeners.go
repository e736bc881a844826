package standalone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// listeners are the doors of the parts, opened before any part starts, so that each knows where the others are.
type listeners struct{ open map[string]net.Listener }

func listen(ctx context.Context, cfg Config) (*listeners, error) {
	l := &listeners{open: map[string]net.Listener{}}
	addrs := map[string]string{
		"gateway": cfg.GatewayAddr, "order": loopback, "logistics": loopback, "payment": loopback, "cases": loopback, "notification": loopback,
	}
	if cfg.Payloads.PayloadKeys != "" {
		addrs["codec"] = cfg.CodecAddr
	}
	for name, addr := range addrs {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			l.close()
			return nil, fmt.Errorf("%s is taken: stop what uses it, or set AFTERCARE_%s_ADDR to another address", addr, strings.ToUpper(name))
		}
		if err != nil {
			l.close()
			return nil, fmt.Errorf("listen at %s: %w", addr, err)
		}
		l.open[name] = &named{Listener: listener}
	}
	return l, nil
}

// loopback is any free port that only this machine reaches.
const loopback = "127.0.0.1:0"

// named remembers whether a part took the listener over.
type named struct {
	net.Listener
	taken bool
}

// take hands a listener to its part, which closes it.
func (l *listeners) take(name string) net.Listener {
	n, _ := l.open[name].(*named)
	n.taken = true
	return n.Listener
}

// close closes what no part took.
func (l *listeners) close() {
	for _, listener := range l.open {
		if n, ok := listener.(*named); ok && !n.taken {
			_ = n.Close()
		}
	}
}

// url is where a part answers; empty for one that does not run.
func (l *listeners) url(name string) string {
	listener, runs := l.open[name]
	if !runs {
		return ""
	}
	return "http://" + listener.Addr().String()
}

// lock makes the folder and keeps a second process out of it. The lock ends with the process, however it ends.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder %s cannot be made: %w; set AFTERCARE_DIR to a folder that can", dir, err)
	}
	for _, sub := range []string{"data", "evidence", "temporal", "sandbox"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("the folder %s cannot be written: %w; set AFTERCARE_DIR to one that can", dir, err)
		}
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be written: %w; set AFTERCARE_DIR to one that can", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("another Aftercare runs on the folder %s: stop it, or set AFTERCARE_DIR to another folder", dir)
	}
	return file, nil
}
