package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aftercare.dev/services/platform/problem"
)

func orderLine(id string) string {
	return fmt.Sprintf(`{"order_id":%q,"buyer_id":"b1","currency":"CNY","placed_at":"2026-11-01T00:00:00Z",`+
		`"lines":[{"line_id":"l1","sku":"s1","quantity":1,"amount":{"amount":123456789012345,"currency":"CNY"}}],`+
		`"payments":[{"payment_id":"p1","provider":"wechatpay","provider_reference":"ref-0001","amount":{"amount":123456789012345,"currency":"CNY"},"paid_at":"2026-11-01T00:00:00Z"}]}`, id)
}

type stored struct {
	OrderID string          `json:"order_id"`
	Version int64           `json:"version"`
	Result  string          `json:"result"`
	Problem json.RawMessage `json:"problem"`
}

func (w *world) storeOrders() *atomic.Int64 {
	var calls atomic.Int64
	w.order.on("PUT /v1/merchants/{merchant}/orders/{order}", func(out http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond) // answers come in another order than questions
		if r.PathValue("order") == "refused" {
			refuse(out, problem.Conflict("order_in_use", "units are reserved"))
			return
		}
		reply(out, 200, fmt.Sprintf(`{"order_id":%q,"version":1,"result":"created"}`, r.PathValue("order")))
	})
	return &calls
}

func results(t *testing.T, body string) []stored {
	t.Helper()
	var list []stored
	for line := range strings.Lines(body) {
		var s stored
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, s)
	}
	return list
}

func TestABadLineIsExplainedAndTheOthersAreStored(t *testing.T) {
	w := newWorld(t)
	w.storeOrders()
	tests := []struct{ line, id, code, field string }{
		{orderLine("a1"), "a1", "", ""},
		{`{"order_id":`, "", "invalid_request", ""},
		{`[1,2]`, "", "invalid_request", ""},
		{strings.Replace(orderLine("x"), `"order_id":"x",`, "", 1), "", "invalid_request", "order_id"},
		{orderLine("../x"), "", "invalid_request", "order_id"},
		{strings.Replace(orderLine("a2"), `"buyer_id":"b1",`, "", 1), "a2", "invalid_request", "buyer_id"},
		{strings.Replace(orderLine("a3"), `"quantity":1`, `"quantity":-1`, 1), "a3", "invalid_request", "lines[0].quantity"},
		{strings.Replace(orderLine("a4"), `"currency":"CNY","placed`, `"currency":"yuan","placed`, 1), "a4", "invalid_request", "currency"},
		{strings.Replace(orderLine("a5"), `{`, `{"colour":"red",`, 1), "a5", "invalid_request", "body"},
		{"{\"order_id\":\"" + strings.Repeat("x", 1<<20) + "\"}", "", "too_large", ""},
		{orderLine("refused"), "refused", "order_in_use", ""},
		{orderLine("a6"), "a6", "", ""},
	}
	var body strings.Builder
	for _, test := range tests {
		body.WriteString(test.line + "\r\n\n")
	}
	got := results(t, w.ask(w.token("shop", "storefront"), "POST", "/v1/orders/bulk", strings.TrimSpace(body.String()), "Content-Type", "application/x-ndjson").is(200, "").body)
	if len(got) != len(tests) {
		t.Fatalf("%d lines are answered, want %d: %v", len(got), len(tests), got)
	}
	for i, test := range tests {
		if got[i].OrderID != test.id || test.code == "" && (got[i].Result != "created" || got[i].Version != 1 || got[i].Problem != nil) {
			t.Errorf("line %d: %+v", i, got[i])
		}
		if test.code == "" {
			continue
		}
		p := problem.Decode(0, got[i].Problem)
		if p.Code != test.code || test.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != test.field) {
			t.Errorf("line %d: %s", i, got[i].Problem)
		}
	}
	for _, c := range w.order.asked("PUT", "/a1") {
		if strings.Contains(c.body, "order_id") || !strings.Contains(c.body, "123456789012345") {
			t.Errorf("passes on %s", c.body)
		}
	}
}

func TestTenThousandOrdersAreAnsweredInTheirOrder(t *testing.T) {
	const n = 10_000
	w := newWorld(t)
	calls := w.storeOrders()
	read, write := io.Pipe()
	go func() {
		for i := range n {
			if _, err := io.WriteString(write, orderLine(fmt.Sprintf("o%d", i))+"\n"); err != nil {
				return
			}
		}
		write.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.gateway.URL+"/v1/orders/bulk", read)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token("shop", "storefront"))
	r.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines, i := bufio.NewScanner(answer.Body), 0
	for ; lines.Scan(); i++ {
		if want := fmt.Sprintf(`"order_id":"o%d"`, i); !strings.Contains(lines.Text(), want) {
			t.Fatalf("line %d is %s", i, lines.Text())
		}
	}
	if err := lines.Err(); err != nil || i != n || calls.Load() != n {
		t.Errorf("%d lines, %d orders, %v", i, calls.Load(), err)
	}
}

func TestALineIsAnsweredBeforeTheNextOneIsSent(t *testing.T) {
	w := newWorld(t)
	w.storeOrders()
	read, write := io.Pipe()
	defer write.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.gateway.URL+"/v1/orders/bulk", read)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token("shop", "storefront"))
	r.Header.Set("Content-Type", "application/x-ndjson")
	answers := make(chan *bufio.Scanner, 1)
	go func() {
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			close(answers)
			return
		}
		answers <- bufio.NewScanner(answer.Body)
	}()
	send := func(id string) {
		if _, err := io.WriteString(write, orderLine(id)+"\n"); err != nil {
			t.Error(err)
		}
	}
	send("o1")
	lines, ok := <-answers
	if !ok || !lines.Scan() || !strings.Contains(lines.Text(), `"o1"`) {
		t.Fatal("the first line has no answer")
	}
	send("o2")
	if !lines.Scan() || !strings.Contains(lines.Text(), `"o2"`) {
		t.Error("the second line has no answer")
	}
}

func TestABulkThatIsCutOffIsNotTakenForTheWhole(t *testing.T) {
	w := newWorld(t)
	w.storeOrders()
	stop := w.run()
	read, write := io.Pipe()
	defer write.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.gateway.URL+"/v1/orders/bulk", read)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token("shop", "storefront"))
	r.Header.Set("Content-Type", "application/x-ndjson")
	go func() { _, _ = io.WriteString(write, orderLine("o1")+"\n") }()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	if !lines.Scan() {
		t.Fatal("the first line has no answer")
	}
	go stop()
	for lines.Scan() {
	}
	if lines.Err() == nil {
		t.Error("the answer ends as if it were whole")
	}
}
