package gateway_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"aftercare.dev/services/platform/problem"
	"aftercare.dev/workflows/contract"
)

// acted is one result of an action on many cases.
type acted struct {
	CaseID string `json:"case_id"`
	Result string `json:"result"`
	Code   string `json:"code"`
}

func (w *world) actOnMany(token, body, key string) []acted {
	w.t.Helper()
	answer := w.ask(token, "POST", "/v1/cases/actions", body, "Idempotency-Key", key).is(200, "")
	var results struct {
		Items []acted `json:"items"`
	}
	if err := json.Unmarshal([]byte(answer.body), &results); err != nil {
		w.t.Fatal(err)
	}
	return results.Items
}

func TestManyCasesAreActedOnAndEachAnswersForItself(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"case_2", "case_3", "case_4"} {
		w.cases.on("GET /v1/merchants/m1/cases/"+id, answer(strings.ReplaceAll(aCase, "case_1", id)))
		w.cases.on("POST /v1/merchants/m1/cases/"+id+"/notes", answer(`{"note_id":"note_2"}`))
	}
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_of_another_tenant", func(out http.ResponseWriter, _ *http.Request) {
		refuse(out, problem.NotFound("case_not_found", "not there"))
	})
	w.temporal.update = func(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
		switch o.WorkflowID {
		case "case/m1/case_2":
			return handle{err: refusal(contract.ErrorActionRefused, contract.Refusal{Code: contract.RefusedNotAllowed, Detail: "not stuck", Stage: "refunding", Version: 3})}, nil
		case "case/m1/case_3":
			return handle{slow: true}, nil
		case "case/m1/case_4":
			return unheard(ctx)
		}
		return handle{}, nil
	}
	const body = `{"action":"retry","note":"the carrier is back","case_ids":["case_1","case_2","case_3","case_4","case_of_another_tenant"]}`
	want := []acted{
		{"case_1", "done", ""},
		{"case_2", "refused", "action_not_allowed"},
		{"case_3", "accepted", ""},
		{"case_4", "failed", "unavailable"},
		{"case_of_another_tenant", "refused", "case_not_found"},
	}
	w.actOnMany(w.token("op1", "operator"), body, "batch-0001")
	got := w.actOnMany(w.token("op1", "operator"), body, "batch-0001")
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	ids := map[string][]string{}
	for _, u := range w.temporal.updates {
		ids[u.WorkflowID] = append(ids[u.WorkflowID], u.UpdateID)
		retry, ok := u.Args[0].(contract.Retry)
		if !ok || retry.Actor != (contract.Actor{Role: contract.Operator, ID: "op1"}) || retry.NoteID == "" {
			t.Errorf("sent %+v", u.Args[0])
		}
	}
	for id, updates := range ids {
		if len(updates) != 2 || updates[0] != updates[1] {
			t.Errorf("%s: the repeated request is another update: %v", id, updates)
		}
	}
}

func TestAFilterFindsTheCasesOfTheTenantThatNeedAttention(t *testing.T) {
	w := newWorld(t)
	w.cases.on("GET /v1/merchants/m1/cases", func(out http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("needs_attention") != "true" || q.Get("attention_reason") != "unavailable" || q.Get("stage") != "refunding" {
			t.Errorf("asked for %v", q)
		}
		reply(out, http.StatusOK, `{"items":[`+aCase+`]}`)
	})
	got := w.actOnMany(w.token("op1", "operator"), `{"action":"skip","note":"seen to","filter":{"reason":"unavailable","stage":"refunding"}}`, "batch-0002")
	if !slices.Equal(got, []acted{{"case_1", "done", ""}}) {
		t.Errorf("got %+v", got)
	}
	if _, ok := w.temporal.updates[0].Args[0].(contract.Skip); !ok {
		t.Errorf("sent %+v", w.temporal.updates[0].Args[0])
	}
}

func TestAnActionOnManyCasesThatIsNoneIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		`{"action":"retry","note":"x"}`, `{"action":"retry","note":"x","filter":{}}`, `{"action":"approve","note":"x","case_ids":["case_1"]}`,
		`{"action":"retry","case_ids":["case_1"]}`, `{"action":"retry","note":"x","case_ids":["case_1"],"filter":{"reason":"unavailable"}}`,
	} {
		w.ask(w.token("op1", "operator"), "POST", "/v1/cases/actions", body, "Idempotency-Key", "batch-0003").is(400, "invalid_request")
	}
	if len(w.temporal.updates) > 0 {
		t.Errorf("sent %v", w.temporal.updates)
	}
}
