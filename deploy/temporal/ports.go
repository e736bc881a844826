package temporal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

const loopback = "127.0.0.1"

// PortTakenError reports that another program listens on the address that the frontend or the UI wants.
type PortTakenError struct {
	// Addr is the host:port that was asked for.
	Addr string
}

// Error is one plain sentence without its end: the caller knows which setting moves the port.
func (e *PortTakenError) Error() string {
	host, port, err := net.SplitHostPort(e.Addr)
	if err != nil {
		return e.Addr + " is taken"
	}
	if host == "" {
		return fmt.Sprintf("port %s is taken", port)
	}
	return fmt.Sprintf("port %s on %s is taken", port, host)
}

// reserve finds the addresses for all parts of the server. The server binds them itself later, so
// this is a check and not a hold; settle makes sure that free ports stay free until then.
func reserve(ctx context.Context, cfg Config) (listen, error) {
	var at listen
	wanted := []struct {
		addr string
		at   *netip.AddrPort
	}{
		{cfg.FrontendAddr, &at.frontend},
		{cfg.UIAddr, &at.ui},
		{net.JoinHostPort(loopback, "0"), &at.history},
		{net.JoinHostPort(loopback, "0"), &at.matching},
		{net.JoinHostPort(loopback, "0"), &at.worker},
	}
	for _, w := range wanted {
		if w.addr == "" {
			continue
		}
		addr, err := probe(ctx, w.addr)
		if err != nil {
			return listen{}, err
		}
		*w.at = addr
	}
	return at, nil
}

// probe binds the address for a moment and returns it with its IP and port resolved.
func probe(ctx context.Context, addr string) (netip.AddrPort, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return netip.AddrPort{}, &PortTakenError{Addr: addr}
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("temporal: cannot listen on %s: %w", addr, err)
	}
	defer listener.Close()
	bound := listener.Addr().(*net.TCPAddr).AddrPort()
	bound = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	if _, port, _ := net.SplitHostPort(addr); port == "0" {
		if err := settle(ctx, listener, bound); err != nil {
			return netip.AddrPort{}, fmt.Errorf("temporal: cannot find a free port: %w", err)
		}
	}
	return bound, nil
}

// settle makes a connection to the listener and closes it from the server's side. The port is then in
// TIME_WAIT: the system gives it to nobody who asks for any port, but the server may still bind it.
func settle(ctx context.Context, listener net.Listener, at netip.AddrPort) error {
	client, err := new(net.Dialer).DialContext(ctx, "tcp", dialable(at).String())
	if err != nil {
		return err
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	return conn.Close()
}

// dialable turns "all interfaces" into the loopback address.
func dialable(at netip.AddrPort) netip.AddrPort {
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.MustParseAddr(loopback), at.Port())
	}
	return at
}
