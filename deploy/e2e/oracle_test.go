package e2e

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	order "aftercare.dev/services/order/api"
)

// rule has the outside world misbehave, until the end of the test at most.
func (h *house) rule(t testing.TB, rule map[string]any) {
	t.Helper()
	added := into[struct {
		ID string `json:"id"`
	}](h.control(t).post("/rules", rule))
	t.Cleanup(func() { h.control(t).ask("DELETE", "/rules/"+added.ID, nil) })
}

// control is the sandbox's control API.
func (h *house) control(t testing.TB) *person { return &person{t: t, url: h.sandbox + "/control"} }

// steer takes a parcel somewhere. The number is that of the parcel, or of the booking.
func (h *house) steer(t testing.TB, number, state string) {
	t.Helper()
	h.control(t).post("/parcels/"+number, map[string]any{"state": state}).fine()
}

// journal is what a system of the sandbox wrote down: its lines with one of the words in it.
func (h *house) journal(t testing.TB, system string, words ...string) []string {
	t.Helper()
	file, err := os.Open(filepath.Join(h.dir, "sandbox", system+".ndjson"))
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	var found []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		line := lines.Text()
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			found = append(found, line)
		}
	}
	require.NoError(t, lines.Err())
	return found
}

// journaled is a refund at the payment provider.
type journaled struct {
	Op          string `json:"op"`
	OutRefundNo string `json:"out_refund_no"`
	OutTradeNo  string `json:"out_trade_no"`
	Amount      int64  `json:"amount"`
	Status      string `json:"status"`
}

// paidOut is what the payment provider says about an order: its refunds, each as it is in the end.
func (h *house) paidOut(t testing.TB, o order.Order) map[string]journaled {
	t.Helper()
	refunds := map[string]journaled{}
	for _, p := range o.Payments {
		for _, line := range h.journal(t, "payment", p.ProviderReference) {
			var r journaled
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			if r.Op == "refund" {
				refunds[r.OutRefundNo] = r
			}
		}
	}
	return refunds
}

// money is the sum of an order's refunds that reached the buyer, and how many they are.
func (h *house) money(t testing.TB, o order.Order) (sum int64, refunds int) {
	t.Helper()
	for _, r := range h.paidOut(t, o) {
		if r.Status == "SUCCESS" {
			sum += r.Amount
			refunds++
		}
	}
	return sum, refunds
}

// paid fails the test unless the provider paid this much for an order, in so many refunds.
func (s *shop) paid(orderID string, sum int64, refunds int) {
	s.t.Helper()
	got, n := s.h.money(s.t, s.order(orderID))
	require.Equal(s.t, sum, got, "the payment provider's journal")
	require.Equal(s.t, refunds, n, "refunds in the payment provider's journal")
}

// quiet takes what the libraries of the tests themselves have to say.
var quiet = slog.New(slog.DiscardHandler)

func contains(text, word string) bool { return strings.Contains(text, word) }

// around is where a word is, to see how it got there.
func around(text, word string) string {
	i := strings.Index(text, word)
	if i < 0 {
		return ""
	}
	return text[max(0, i-200):min(len(text), i+len(word)+100)]
}

func decode(t testing.TB, line string, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(line), v))
}
