package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"aftercare.dev/deploy/sandbox/journal"
)

func open(t *testing.T, path string) (*journal.Log, []string) {
	t.Helper()
	var lines []string
	l, err := journal.Open(path, func(line []byte, _ journal.Ticket) error {
		lines = append(lines, string(line))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, lines
}

func TestLinesSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ndjson")
	l, _ := open(t, path)
	for i := range 3 {
		if _, err := l.Append(i); err != nil {
			t.Fatal(err)
		}
	}
	// No Close: kill -9 does not call it either. Only the lock must go.
	copied := filepath.Join(t.TempDir(), "b.ndjson")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, lines := open(t, copied); !slices.Equal(lines, []string{"0", "1", "2"}) {
		t.Fatalf("replayed %q", lines)
	}
}

func TestDamage(t *testing.T) {
	tests := []struct {
		promise string
		content string
		want    []string // nil: refused
	}{
		{"a complete file is kept", "1\n2\n", []string{"1", "2"}},
		{"a last line without line feed never counted", "1\n{\"a\":", []string{"1"}},
		{"a last line without line feed is cut even if it reads as JSON", "1\n22", []string{"1"}},
		{"a last line of rubbish is cut", "1\n\x00\x00\x00\n", []string{"1"}},
		{"rubbish in the middle is refused", "1\n???\n3\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.ndjson")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				if _, err := journal.Open(path, nil); err == nil {
					t.Fatal("opened")
				}
				return
			}
			l, lines := open(t, path)
			if !slices.Equal(lines, tt.want) {
				t.Fatalf("replayed %q, want %q", lines, tt.want)
			}
			if _, err := l.Append("next"); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if _, lines := open(t, path); !slices.Equal(lines, append(tt.want, `"next"`)) {
				t.Fatalf("after the repair %q", lines)
			}
		})
	}
}

func TestConcurrentWritersAllGetTheirLineOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ndjson")
	l, _ := open(t, path)
	var wg sync.WaitGroup
	const writers, each = 16, 25
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				want := fmt.Sprintf("%d-%d", w, i)
				at, err := l.Append(want)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := l.Read(at); err != nil || string(got) != `"`+want+`"` {
					t.Errorf("read %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, lines := open(t, path); len(lines) != writers*each {
		t.Fatalf("%d lines, want %d", len(lines), writers*each)
	}
}

func TestASecondOwnerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ndjson")
	open(t, path)
	if _, err := journal.Open(path, nil); err == nil {
		t.Fatal("two owners of one journal")
	}
}

func TestNothingIsWrittenAfterClose(t *testing.T) {
	l, _ := open(t, filepath.Join(t.TempDir(), "a.ndjson"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(1); !errors.Is(err, journal.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestLinesThatNobodyWaitedForAreWholeAndInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ndjson")
	l, _ := open(t, path)
	const n = 2000
	for i := range n {
		at, err := l.Enqueue(i)
		if err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 { // let the buffer run empty at times
			if err := l.Wait(at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, lines := open(t, path)
	for i, line := range lines {
		if line != strconv.Itoa(i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if len(lines) != n {
		t.Fatalf("%d lines", len(lines))
	}
}
