package temporal

import (
	"net"
	"strings"
	"testing"
)

// TestPortTakenAfterTheCheck: between reserve and the start of the server somebody else may take a port.
// The server then calls Fatal in the midst of its construction, and Start must return that as an error.
func TestPortTakenAfterTheCheck(t *testing.T) {
	cfg := Config{InMemory: true, FrontendAddr: "127.0.0.1:0"}.withDefaults()
	db, err := cfg.sqlConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := prepare(t.Context(), cfg, db); err != nil {
		t.Fatal(err)
	}
	at, err := reserve(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", at.history.String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()

	s := &Server{cfg: cfg, db: db, at: at, done: make(chan struct{})}
	err = s.start(t.Context())
	s.Stop()
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v, want that the address is in use", err)
	}
}
