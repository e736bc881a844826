package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/sandbox"
	"aftercare.dev/services/platform/httpclient"
)

// world is the outside world's control API, which may be killed like everybody.
type world struct {
	url  string
	http *http.Client
}

func newWorld(url string) world {
	return world{url: url + "/control", http: &http.Client{Timeout: 10 * time.Second}}
}

// rule has the outside world misbehave. A name makes a repeated request one rule.
func (w world) rule(ctx context.Context, name string, f fault, match map[string]string) error {
	rule := map[string]any{"id": name, "system": f.System, "operation": f.Operation, "effect": f.Effect, "match": match, "times": 1}
	for field, v := range map[string]int{"times": f.Times, "n": f.N, "ms": f.MS, "http_status": f.Status} {
		if v != 0 {
			rule[field] = v
		}
	}
	for field, v := range map[string]string{"outcome": f.Outcome, "code": f.Code} {
		if v != "" {
			rule[field] = v
		}
	}
	return w.tell(ctx, http.MethodPost, "/rules", rule, func(status int, said []byte) bool {
		// The request before did its work and its answer was lost.
		return status == http.StatusUnprocessableEntity && bytes.Contains(said, []byte("is taken"))
	})
}

// forget takes a rule out of force; one that is not there is none.
func (w world) forget(ctx context.Context, name string) error {
	return w.tell(ctx, http.MethodDelete, "/rules/"+name, nil, func(status int, _ []byte) bool { return status == http.StatusNotFound })
}

// behave takes all rules out of force.
func (w world) behave(ctx context.Context) error {
	return w.tell(ctx, http.MethodPost, "/reset", nil, nobody)
}

// takeBack has the bank return a refund that succeeded. Of one that was returned before it tells once more.
func (w world) takeBack(ctx context.Context, number string) error {
	return w.tell(ctx, http.MethodPost, "/payment/refunds/"+number+"/return", map[string]any{"mchid": account}, nobody)
}

// refund makes a refund on the provider's pages, in minor units. It was made yesterday: the bill of a day that is over does
// not change while it is compared. One whose answer is lost is made again.
func (w world) refund(ctx context.Context, payment string, amount, total int64) error {
	return w.tell(ctx, http.MethodPost, "/payment/refunds", map[string]any{
		"mchid": account, "out_trade_no": payment, "amount": amount, "total": total, "success_time": time.Now().Add(-24 * time.Hour),
	}, nobody)
}

// fired is how often a rule was applied, as far as the outside world remembers: its death forgets rules that never end.
func (w world) fired(ctx context.Context, name string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/rules", http.NoBody)
	if err != nil {
		return 0, err
	}
	answer, err := w.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	var list struct {
		Rules []struct {
			ID    string `json:"id"`
			Fired int    `json:"fired"`
		} `json:"rules"`
	}
	err = json.NewDecoder(answer.Body).Decode(&list)
	for _, rule := range list.Rules {
		if rule.ID == name {
			return rule.Fired, err
		}
	}
	return 0, err
}

// account is the merchant's at the provider, as the house has it.
var account = sandbox.DefaultMerchants[0]

// nobody finds nothing fine but a success.
func nobody(int, []byte) bool { return false }

// tell asks until the outside world answers. What is fine is as good as a success.
func (w world) tell(ctx context.Context, method, path string, body any, fine func(status int, said []byte) bool) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return client.Persist(ctx, patience, func() error {
		request, err := http.NewRequestWithContext(ctx, method, w.url+path, bytes.NewReader(content))
		if err != nil {
			return err
		}
		answer, err := w.http.Do(request)
		if err != nil {
			return fmt.Errorf("%w: %w", context.DeadlineExceeded, err) // to be tried again
		}
		said, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
		}
		if fine(answer.StatusCode, said) {
			return nil
		}
		return httpclient.CheckStatus(answer.StatusCode, said)
	})
}
