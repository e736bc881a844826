package replay

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"aftercare.dev/deploy/sandbox/payment"
)

// Report is the last line of a replay.
type Report struct {
	Orders          int   `json:"orders"`
	RejectedRows    int   `json:"rejected_rows"`
	ReturnsFiled    int   `json:"returns_filed"`
	ReturnsClosed   int   `json:"returns_closed"`
	Unmatched       int   `json:"unmatched"`
	RefundedMinor   int64 `json:"refunded_minor"`
	ExpectedMinor   int64 `json:"expected_minor"`
	DifferenceMinor int64 `json:"difference_minor"`
}

// WriteRows lists what was not taken, line by line with the reason, as CSV.
func (p *Plan) WriteRows(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("list the rejected rows: %w", err)
	}
	list := csv.NewWriter(file)
	err = list.Write([]string{"line", "kind", "reason"})
	for _, r := range p.Rejected {
		err = errors.Join(err, list.Write([]string{strconv.Itoa(r.Line), "rejected", r.Reason}))
	}
	for _, r := range p.Unmatched {
		err = errors.Join(err, list.Write([]string{strconv.Itoa(r.Line), "unmatched", "no earlier purchases of the customer cover it in full"}))
	}
	list.Flush()
	return errors.Join(err, list.Error(), file.Close())
}

// Reasons counts the rejected rows by reason, most frequent first.
func (p *Plan) Reasons() []string {
	count := map[string]int{}
	for _, r := range p.Rejected {
		count[r.Reason]++
	}
	reasons := make([]string, 0, len(count))
	for reason, n := range count {
		reasons = append(reasons, fmt.Sprintf("%7d  %s", n, reason))
	}
	slices.SortFunc(reasons, func(a, b string) int { return -strings.Compare(a, b) })
	return reasons
}

// Journaled adds up the refunds that the payment provider paid, by its own journal: of several lines for one refund
// number the last counts. A journal that is not there is not an error; ok tells.
func Journaled(path, currency string) (sum int64, refunds int, ok bool, err error) {
	journal, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, false, nil
	}
	if err != nil {
		return 0, 0, false, err
	}
	defer func() { _ = journal.Close() }()
	found, err := payment.ReadJournal(journal)
	for _, r := range found {
		if r.Currency == currency && r.Status == payment.Success {
			sum += r.Amount
			refunds++
		}
	}
	return sum, refunds, err == nil, err
}

// bar is a progress bar: one line that is rewritten on a terminal, a line now and then elsewhere.
type bar struct {
	out      io.Writer
	title    string
	total    int
	terminal bool

	mu    sync.Mutex
	done  int
	begun time.Time
	shown time.Time
}

func newBar(out io.Writer, terminal bool, title string, total int) *bar {
	return &bar{out: out, terminal: terminal, title: title, total: total, begun: time.Now()}
}

func (b *bar) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	every := 5 * time.Second
	if b.terminal {
		every = 100 * time.Millisecond
	}
	if now := time.Now(); b.done == b.total || now.Sub(b.shown) >= every {
		b.shown = now
		b.show(now)
	}
}

func (b *bar) show(now time.Time) {
	const width = 30
	full := width
	if b.total > 0 {
		full = width * b.done / b.total
	}
	rate := float64(b.done) / max(now.Sub(b.begun).Seconds(), 0.001)
	line := fmt.Sprintf("%-8s [%s%s] %d of %d, %.0f a second", b.title, strings.Repeat("#", full), strings.Repeat("·", width-full), b.done, b.total, rate)
	switch {
	case !b.terminal:
		fmt.Fprintln(b.out, line)
	case b.done == b.total:
		fmt.Fprintf(b.out, "\r%s\x1b[K\n", line)
	default:
		fmt.Fprintf(b.out, "\r%s\x1b[K", line)
	}
}
