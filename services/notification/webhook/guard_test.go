package webhook

import (
	"errors"
	"net/netip"
	"testing"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/problem"
)

func guard(t *testing.T, allow ...string) *Guard {
	t.Helper()
	g, err := NewGuard(allow)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAddressesOutsideThePublicInternetAreNotCalled(t *testing.T) {
	g := guard(t)
	for _, text := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
		"192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "224.0.0.1", "239.1.1.1",
		"240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
		"fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1",
		"64:ff9b::7f00:1", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:53aa:64c:0:1:2:3", "2001:db8::1",
		"2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1", "4000::1",
	} {
		if g.AllowsAddr(netip.MustParseAddr(text)) {
			t.Errorf("%s is let through", text)
		}
	}
}

func TestThePublicInternetIsCalled(t *testing.T) {
	g := guard(t)
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "169.253.0.1", "223.5.5.5",
		"2606:4700::1111", "2400:3200::1", "::ffff:8.8.8.8",
	} {
		if !g.AllowsAddr(netip.MustParseAddr(text)) {
			t.Errorf("%s is refused", text)
		}
	}
}

func TestAnAllowListOpensItsNetworksAndNoOthers(t *testing.T) {
	g := guard(t, "127.0.0.0/8", " 10.9.0.0/16 ")
	for text, want := range map[string]bool{
		"127.0.0.1": true, "::ffff:127.0.0.1": true, "10.9.1.1": true, "10.8.1.1": false, "::1": false, "8.8.8.8": true,
	} {
		if got := g.AllowsAddr(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestAMalformedAllowListIsRefused(t *testing.T) {
	if _, err := NewGuard([]string{"127.0.0.1"}); err == nil {
		t.Error("an address without a length is no network")
	}
}

func TestURLsThatLeadInsideOrNowhereAreRefusedWhenTheyAreRegistered(t *testing.T) {
	g := guard(t)
	for _, text := range []string{
		"", "shop.example", "//shop.example", "https:shop.example", "https://", "https:///path",
		"ftp://shop.example", "file:///etc/passwd", "gopher://shop.example", "javascript:alert(1)",
		"https://user:secret@shop.example", "https://user@shop.example", "https://shop.example#part",
		"http://localhost", "http://LOCALHOST:8080/", "http://api.localhost", "http://localhost.",
		"http://127.0.0.1", "http://127.0.0.1.", "http://10.0.0.1:8080", "http://169.254.169.254/latest/meta-data",
		"http://[::1]/", "http://[::ffff:127.0.0.1]", "http://[fe80::1%25eth0]/", "http://[64:ff9b::7f00:1]",
		"http://2130706433", "http://017700000001", "http://0x7f000001", "http://0x7f.1", "http://127.1",
		"http://0177.0.0.1", "http://127.0.0.01", "http://0X7F.0.0.1", "http://1.2.3.4.5", "http://shop.example.0x",
		"https://shop.example:22", "https://shop.example:25", "https://shop.example:0", "https://shop.example:65536",
		"https://shop.example:http", "https://shop example", "https://%31%32%37.0.0.1",
	} {
		if err := g.CheckURL(text); !problem.HasCode(err, domain.CodeAddressNotAllowed) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestOrdinaryURLsAreAccepted(t *testing.T) {
	g := guard(t)
	for _, text := range []string{
		"https://shop.example/hooks", "http://shop.example", "https://shop.example:8443/a?b=c", "https://hooks.4shop.example",
		"https://8.8.8.8/hooks", "https://[2606:4700::1111]:443/", "https://shop.example.", "https://0xshop.example",
	} {
		if err := g.CheckURL(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnAllowListOpensLocalhostToo(t *testing.T) {
	g := guard(t, "127.0.0.0/8")
	for _, text := range []string{"http://localhost:9000", "http://127.0.0.1:9000/x"} {
		if err := g.CheckURL(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTheDialIsRefusedByTheAddressThatTheNameResolvedTo(t *testing.T) {
	g := guard(t)
	for address, want := range map[string]bool{
		"8.8.8.8:443": true, "8.8.8.8:8443": true, "8.8.8.8:25": false, "127.0.0.1:443": false,
		"[::1]:443": false, "[fe80::1%eth0]:443": false, "nonsense": false,
	} {
		err := g.Control("tcp4", address, nil)
		if (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
		var blocked forbiddenError
		if err != nil && !errors.As(err, &blocked) {
			t.Errorf("%s: the error is %T", address, err)
		}
	}
	if g.Control("udp4", "8.8.8.8:443", nil) == nil {
		t.Error("only TCP is let through")
	}
}
