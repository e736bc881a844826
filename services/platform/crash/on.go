//go:build crashpoints

package crash

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Enabled tells whether the program was built with crash points. Code that only they need is behind it.
const Enabled = true

// folder is where the points of this process are; empty: nowhere.
var folder = prepare(os.Getenv("CRASH_DIR"))

func prepare(dir string) string {
	if dir == "" {
		return ""
	}
	for _, name := range []string{Passed, Armed} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			panic("CRASH_DIR: " + err.Error()) // a test that crashes nothing would prove nothing
		}
	}
	return dir
}

// At passes a point of the operation.
func At(operation string, place Place) {
	if folder == "" {
		return
	}
	file := fileOf(Point(operation, place))
	if f, err := os.OpenFile(filepath.Join(folder, Passed, file), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err == nil {
		_, _ = f.WriteString(".")
		_ = f.Close()
	}
	claiming.Lock()
	if !claim(filepath.Join(folder, Armed, file)) {
		claiming.Unlock()
		return
	}
	// The lock is kept: who passes a point while the process is dying goes no further, so that each death is that of one point.
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // the end is near
}

// claiming is held while an armed point is counted down, and for ever by the one that fires.
var claiming sync.Mutex

// claim tells whether this is the pass that an armed point waits for. The caller holds claiming.
func claim(armed string) bool {
	count, err := os.ReadFile(armed)
	if err != nil {
		return false
	}
	if skip, _ := strconv.Atoi(string(count)); skip > 0 {
		countDown(armed, skip-1)
		return false
	}
	return os.Remove(armed) == nil
}

// countDown writes how many passes more go by, unless the point was taken back in this moment.
func countDown(armed string, skip int) {
	f, err := os.OpenFile(armed, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return
	}
	_, _ = f.WriteString(strconv.Itoa(skip))
	_ = f.Close()
}

// Here passes a point of the operation that the calling function is a part of: the first function of the house on the
// stack that is outside of the platform's own plumbing.
func Here(place Place) {
	if folder != "" {
		At(operation(), place)
	}
}

// Transport passes the points of a call around each request. nil is the default transport.
func Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return transport{next}
}

type transport struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	Here(BeforeCall)
	answer, err := t.next.RoundTrip(r)
	if err == nil {
		Here(AfterCall)
	}
	return answer, err
}

// CloseIdleConnections gives idle connections back, if the transport has any.
func (t transport) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// house is how the packages of the product begin, and plumbing are those that work for whoever calls them.
const house = "aftercare.dev/"

var plumbing = []string{"services/platform/crash.", "services/platform/database.", "services/platform/httpclient.", "services/platform/httpserver.", "workflows/dial."}

// operation names what is done by the innermost exported function on the stack and, where that is not the same, by the
// innermost function: "platform/outbox.Relay.Step:claim".
func operation() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	first := ""
	for {
		frame, more := frames.Next()
		if name, ok := nameOf(frame.Function); ok {
			if exported(name) && (first == "" || first == name) {
				return name
			}
			if exported(name) {
				return name + ":" + short(first)
			}
			if first == "" {
				first = name
			}
		}
		if !more {
			return first
		}
	}
}

// nameOf is a function of the house as points are named by it: "payment/store.Store.Reserve" for
// "aftercare.dev/services/payment/store.(*Store).Reserve.func1".
func nameOf(function string) (string, bool) {
	name, found := strings.CutPrefix(function, house)
	if !found {
		return "", false
	}
	for _, p := range plumbing {
		if strings.HasPrefix(name, p) {
			return "", false
		}
	}
	name = strings.TrimPrefix(name, "services/")
	name = strings.NewReplacer("(*", "", "(", "", ")", "", "[...]", "").Replace(name)
	slash := strings.LastIndexByte(name, '/') + 1
	parts := strings.Split(name[slash:], ".")
	// Closures have the name of their function and then func1, func2.1, gowrap1 …
	for i, part := range parts[1:] {
		if closure(part) {
			parts = parts[:i+1]
			break
		}
	}
	return name[:slash] + strings.Join(parts, "."), len(parts) > 1
}

func closure(part string) bool {
	for _, prefix := range []string{"func", "gowrap", ""} {
		if digits, found := strings.CutPrefix(part, prefix); found && digits != "" && strings.Trim(digits, "0123456789-") == "" {
			return true
		}
	}
	return false
}

// exported tells whether a function can be called from outside, whatever its type.
func exported(name string) bool {
	first, _ := utf8.DecodeRuneInString(short(name))
	return unicode.IsUpper(first)
}

// short is a function's name without its package and type.
func short(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
