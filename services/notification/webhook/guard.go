// Package webhook speaks Standard Webhooks 1.0 to a merchant's endpoint, and makes sure that a merchant's
// URL cannot be used to reach into our own network.
package webhook

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"aftercare.dev/services/notification/domain"
)

// forbidden are the IPv4 networks that are no part of the public internet (IANA's special-purpose
// registry), and one that is but answers virtual machines from inside.
var forbidden = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared address space of carriers; Alibaba Cloud's metadata
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's host service
	"169.254.0.0/16",   // link-local; most clouds' metadata
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments; Oracle Cloud's metadata
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, broadcast
)

// public6 is all that IPv6 gives out as global unicast, which leaves out loopback, unique local,
// link-local, multicast, IPv4-compatible and NAT64 (64:ff9b::/96, 64:ff9b:1::/48) addresses.
var public6 = netip.MustParsePrefix("2000::/3")

// forbidden6 are the parts of [public6] that lead elsewhere.
var forbidden6 = prefixes(
	"2001::/23",     // protocol assignments; Teredo, which holds an IPv4 address
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4, which holds an IPv4 address
	"3fff::/20",     // documentation
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// Guard says which addresses may be called. It is safe for concurrent use.
type Guard struct {
	allowed []netip.Prefix
}

// NewGuard returns a guard that lets through the public internet and the networks named, each in CIDR
// notation: for tests, and for receivers that really are next door.
func NewGuard(allow []string) (*Guard, error) {
	g := &Guard{}
	for _, text := range allow {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%q is no network such as 127.0.0.0/8", text)
		}
		g.allowed = append(g.allowed, prefix.Masked())
	}
	return g, nil
}

// AllowsAddr tells whether the address may be called. An IPv4 address inside an IPv6 one counts as what
// it is.
func (g *Guard) AllowsAddr(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	if within(addr, g.allowed) {
		return true
	}
	if addr.Is4() {
		return !within(addr, forbidden)
	}
	return public6.Contains(addr) && !within(addr, forbidden6)
}

func within(addr netip.Addr, list []netip.Prefix) bool {
	for _, prefix := range list {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// allowsPort lets through the web's own ports and those that no well-known service has, so that a URL
// cannot talk to somebody's mail server.
func allowsPort(port uint64) bool {
	return port == 80 || port == 443 || (port >= 1024 && port <= 65535)
}

// forbiddenError is an address that the guard does not let through.
type forbiddenError struct{}

func (forbiddenError) Error() string { return "the address is not allowed" }

// Control refuses a connection after the name was resolved and before the first packet, so that a name
// which points to another address at each look-up gains nothing. It is for net.Dialer.Control.
func (g *Guard) Control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return forbiddenError{}
	}
	target, err := netip.ParseAddrPort(address)
	if err != nil || !allowsPort(uint64(target.Port())) || !g.AllowsAddr(target.Addr()) {
		return forbiddenError{}
	}
	return nil
}

// CheckURL refuses a URL that can be seen to be wrong without asking a name server: 422
// address_not_allowed. What its name resolves to is checked at each connection.
func (g *Guard) CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return notAllowed("give an absolute URL such as https://shop.example/hooks")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return notAllowed("the scheme is https or http")
	case u.User != nil:
		return notAllowed("leave user and password out of the URL: messages are signed instead")
	case u.Fragment != "":
		return notAllowed("a fragment is never sent; leave it out")
	}
	if text := u.Port(); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || !allowsPort(port) {
			return notAllowed("the port is 80, 443 or one from 1024 on")
		}
	}
	return g.checkHost(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")))
}

func (g *Guard) checkHost(host string) error {
	if host == "" || strings.ContainsAny(host, " %") {
		return notAllowed("the URL needs the name of a host")
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if !g.AllowsAddr(addr) {
			return notAllowed("the address is inside a private or reserved network; give one on the public internet")
		}
		return nil
	}
	// What ends in a number is an IPv4 address to a browser and to many resolvers, in decimal, octal or
	// hexadecimal: 2130706433, 0177.0.0.1, 0x7f.1. Nobody needs to write one like this.
	last := host[strings.LastIndexByte(host, '.')+1:]
	if isNumber(last) {
		return notAllowed("write an address as four decimal numbers without leading zeros")
	}
	return nil
}

func isNumber(label string) bool {
	if strings.HasPrefix(label, "0x") {
		return strings.Trim(label[2:], "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

func notAllowed(detail string) error {
	return domain.Fault(domain.CodeAddressNotAllowed, "url", detail)
}

// dialer connects only where the guard lets it.
func (g *Guard) dialer() *net.Dialer { return &net.Dialer{Timeout: dialTimeout, Control: g.Control} }
